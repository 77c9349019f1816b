"""The folder of a run, its lock, and the export into it."""
