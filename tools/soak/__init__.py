"""What the service bears: `python -m tools.soak` runs each fault at full length and prints the figures."""
