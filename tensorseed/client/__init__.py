"""Client of the service: ask, fetch, resume, verify, or compute here."""

KEY_VARIABLE = "TENSORSEED_KEY"
"""The variable of the environment that holds the API key."""

URL_VARIABLE = "TENSORSEED_URL"
"""The variable of the environment that holds the URL of the service that commands ask."""

TRACEBACK_VARIABLE = "TENSORSEED_TRACEBACK"
"""The variable of the environment with which an unexpected error of a command shows where it was raised."""

VARIABLES = (KEY_VARIABLE, URL_VARIABLE, TRACEBACK_VARIABLE)
"""Variables of the client and of the command line, which are no settings of the service."""


def begins_as_url(text: str) -> bool:
    """Return whether a text begins as the URL of a service does, in any case (RFC 3986, section 3.1)."""
    return text[:8].lower().startswith(("http://", "https://"))
