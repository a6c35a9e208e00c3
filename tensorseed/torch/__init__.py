"""Initialisation of torch modules and tensors in place, whole or sharded."""
