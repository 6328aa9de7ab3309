"""Placeholders: texts and message bodies, compiled once and filled with values."""
