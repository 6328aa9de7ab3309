"""Desk of the console: the store, the API and the figures that its pages work with."""
