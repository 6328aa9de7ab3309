"""Schedules of recurring sends, from the shell."""
