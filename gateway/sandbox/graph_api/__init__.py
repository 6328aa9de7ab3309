"""Graph api."""
