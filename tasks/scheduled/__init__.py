"""Periodic jobs that beat starts, and the safety net for when it does not."""
