"""Schemes that describe tables of computed numbers."""
