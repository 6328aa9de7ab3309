"""The Redis driver; it knows no key of ours."""
