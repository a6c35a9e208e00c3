"""The pure core: specs in, bytes out. It knows nothing of HTTP, settings or threads."""
