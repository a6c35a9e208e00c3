"""Requests of the client to servers, with retries, and their answers."""
