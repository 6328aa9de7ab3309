"""Control api."""
