"""The client: it fetches files from servers or computes them here, and verifies them."""
