"""Measuring again, on this machine, what README.md and docs/ state."""
