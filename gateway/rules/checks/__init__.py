"""Checks of rules files: errors, and warnings of probable mistakes."""
