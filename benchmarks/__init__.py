"""Side-by-side measurements: medians and ratios, by `make bench`."""
