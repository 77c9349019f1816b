"""What a program takes of the chip: memory, cores, energy."""
