"""Meta's administration: apps, numbers, tokens, callbacks."""
