"""Tests of tokenizers of bytes."""
