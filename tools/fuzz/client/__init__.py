"""Fuzz targets of the client: what a server or a neighbour may write."""
