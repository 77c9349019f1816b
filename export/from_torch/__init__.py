"""From a PyTorch or snnTorch network to its NIR graph."""
