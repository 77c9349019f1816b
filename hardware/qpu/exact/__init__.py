"""Expectations without a state vector of the whole register, exact and differentiable."""
