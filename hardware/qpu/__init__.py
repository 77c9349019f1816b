"""The quantum half on state vectors and on quantum processors."""
