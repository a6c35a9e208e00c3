"""Recipes served as model repositories, in the protocol of the Hugging Face Hub."""
