"""Tests of the statistics of tensors."""
