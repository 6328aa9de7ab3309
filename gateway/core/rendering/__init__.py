"""Rendering: texts and message bodies with placeholders, compiled once and filled with values."""
