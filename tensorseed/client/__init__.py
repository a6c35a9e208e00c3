"""Client of the service: ask, fetch, resume, verify, or compute here."""

KEY_VARIABLE = "TENSORSEED_KEY"
"""The variable of the environment that holds the API key."""
