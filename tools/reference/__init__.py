"""Stream v1 in scalars, from `docs/stream-v1.md` and its constants alone.

Slow on purpose: one element at a time, in numpy's scalars, each operation as the page writes it. Truncation
constants come from mpmath. Nothing is shared with the code that draws.
"""
