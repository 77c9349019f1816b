"""Real Lava, in an interpreter and an environment of its own."""
