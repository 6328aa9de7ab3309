"""Meta's Graph API as the sandbox answers it."""
