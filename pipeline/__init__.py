"""The model, its training, the stages, the validation ladder, the report and the commands."""
