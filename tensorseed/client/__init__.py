"""Client of the service: fetch, resume, verify, or compute here."""
