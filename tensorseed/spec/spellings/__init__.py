"""Spellings with one meaning, read as the canonical one."""
