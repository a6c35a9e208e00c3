"""Concurrency: cancellation, single-flight caches, buffers, cores."""
