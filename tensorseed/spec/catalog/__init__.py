"""Catalogs of init schemes and layer types, derived from their classes."""
