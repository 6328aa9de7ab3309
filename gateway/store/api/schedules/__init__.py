"""Recurring sends as rows of the store."""
