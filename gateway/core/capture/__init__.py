"""Capture files: their format, and how deliveries are filtered, anonymised and refreshed."""
