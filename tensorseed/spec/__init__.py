"""Specs: entries, canonical form, tokens, and resolution to tensors."""
