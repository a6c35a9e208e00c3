"""Sweeps: grids of evaluations, computed by warm workers into one table.

A sweep goes on where it was ended: a row is kept as soon as it is there, under the digest of its request.
"""
