"""Schedules: made, shown, changed and removed."""
