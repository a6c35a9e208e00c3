"""Export of checkpoints into a folder or object storage."""
