"""A program's spikes, computed by compiled loops."""
