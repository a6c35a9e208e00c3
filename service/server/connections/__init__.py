"""HTTP/1.1 connections: heads, exchanges, limits and closes (RFC 9112)."""
