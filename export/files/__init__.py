"""Files as they come from anywhere: read whole within bounds, or refused; written whole or not at all."""
