"""Lanes, pauses, unconfirmed sends, and what is left of finished ones."""
