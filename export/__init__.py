"""The portable parts of a network and their file formats: what leaves PyTorch."""
