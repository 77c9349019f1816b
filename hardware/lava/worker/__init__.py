"""What runs in Lava's own interpreter: nothing here may import the rest of spiq."""
