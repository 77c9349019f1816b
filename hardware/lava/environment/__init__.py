"""The environments that Lava runs in: CPython 3.10 and NumPy 1.26."""
