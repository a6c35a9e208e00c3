"""Compiled kernels of structured distributions, imported to be compiled."""
