"""The spiking half in Loihi's fixed point: lowering, quantization, simulation."""
