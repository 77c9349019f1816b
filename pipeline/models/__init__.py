"""The networks that spiq trains."""
