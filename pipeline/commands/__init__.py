"""The command `spiq`, a file for each family of commands."""
