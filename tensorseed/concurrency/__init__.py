"""Concurrency primitives: cancellation, single-flight caches, buffers, cores."""
