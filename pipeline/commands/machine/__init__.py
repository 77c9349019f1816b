"""The commands about this machine: devices, doctor, lava, bench."""
