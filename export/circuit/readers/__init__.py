"""Circuits of other frameworks as plain data: PennyLane, Qiskit, OpenQASM."""
