"""Stand-in for Meta that checks what it receives; it imports nothing of the gateway."""
