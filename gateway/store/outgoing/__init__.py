"""Outgoing: what waits to be posted to addresses that are not Meta's."""
