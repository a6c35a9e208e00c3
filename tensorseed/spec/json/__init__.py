"""JSON text: reading, writing, its structure, numbers and pointers."""
