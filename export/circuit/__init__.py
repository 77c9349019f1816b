"""Parameterised quantum circuits as data, and as OpenQASM."""
