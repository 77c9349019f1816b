"""A hybrid network as data: stages that read each other, and the values on their way."""
