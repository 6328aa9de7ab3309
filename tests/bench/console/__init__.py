"""Measures of the console: its pages beside many events, and what open tabs cost."""
