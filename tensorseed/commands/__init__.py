"""Commands of the library, a module each, and what they share."""
