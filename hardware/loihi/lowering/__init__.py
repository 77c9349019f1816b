"""From a NIR graph to layers of integers."""
