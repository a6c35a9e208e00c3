"""The image without an engine: its Dockerfile read, and its very steps run in a root of their own."""
