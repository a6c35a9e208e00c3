"""Processes that serve: supervisor, signs of life, signals and sockets."""
