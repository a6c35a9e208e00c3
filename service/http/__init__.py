"""HTTP by RFC 9110: ranges, conditionals, negotiation and problems."""
