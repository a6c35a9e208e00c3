"""Initialisation of jax arrays, whole or sharded."""
