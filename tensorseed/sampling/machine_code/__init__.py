"""Machine code of the kernels, kept in a file and called without numba."""
