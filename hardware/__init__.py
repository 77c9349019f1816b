"""What runs the portable parts: Loihi in fixed point, quantum processors, and both together."""
