"""Libraries of the explorer, from npm by a lock file."""
