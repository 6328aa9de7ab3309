"""A stand-in for Meta that judges what it is sent; it imports nothing of the gateway."""
