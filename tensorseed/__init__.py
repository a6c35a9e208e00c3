"""Initialised weight tensors, each a pure function of its spec."""
