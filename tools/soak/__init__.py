"""Soak tests: faults at full length, by `python -m tools.soak`."""
