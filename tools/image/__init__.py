"""Build of the image without an engine: its Dockerfile's steps in a root."""
