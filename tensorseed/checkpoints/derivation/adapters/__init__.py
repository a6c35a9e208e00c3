"""Derivation of the recipes of PEFT adapters."""
