"""Side-by-side measurements. `make bench` runs them and prints medians and ratios of one run."""
