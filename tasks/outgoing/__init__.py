"""Outgoing: calls to strangers, for which nothing else ever waits."""
