"""Weights in process: mappings from names to lazily computed arrays."""
