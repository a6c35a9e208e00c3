"""Safetensors files: header, virtual file, slices, shards, digests."""
