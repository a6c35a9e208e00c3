"""How a range of a tensor's elements is computed: compiled on CPU, or with torch on any device.

Both executors give the same bits; `base.py` holds what they share.
"""
