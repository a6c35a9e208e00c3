"""Findings on an untrained network and its training, by kind of fault."""
