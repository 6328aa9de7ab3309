"""Redis, and only here."""
