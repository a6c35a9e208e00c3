"""Devices of this host, behind one interface: `Device` in `base`.

The CPU computes in a pool of threads.
Every other device is an `Accelerator`: torch operations compute its chunks, with the same bits.
"""
