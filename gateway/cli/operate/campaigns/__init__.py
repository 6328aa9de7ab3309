"""`gateway campaigns`."""
