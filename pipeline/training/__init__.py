"""Joint training of both halves, and the checkpoint it leaves."""
