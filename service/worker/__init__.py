"""Threads that compute for the service."""
