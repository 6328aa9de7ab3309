"""Paths: Meta's names of the values inside an event, in one table, and how they are read; pure."""
