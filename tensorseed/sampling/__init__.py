"""Sampling: from a seed and a tensor's name to the number at each index."""
