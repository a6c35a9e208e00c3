"""Executors: compiled kernels and torch operations, with the same bits."""
