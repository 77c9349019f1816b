"""The ladder: what accuracy and spikes each step from PyTorch to hardware keeps."""
