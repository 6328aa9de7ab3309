"""Checks across a rules file: errors, and what is hardly meant."""
