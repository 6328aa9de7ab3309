"""Compiled rules: conditions, actions, and the index that finds candidates."""
