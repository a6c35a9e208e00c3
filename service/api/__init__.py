"""The HTTP face: requests in, representations out. Everything about weights themselves lives in the core."""
