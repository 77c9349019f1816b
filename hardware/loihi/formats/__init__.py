"""The files of a program: spiq's own and lava-dl's netx."""
