"""The driver; it knows no key of ours."""
