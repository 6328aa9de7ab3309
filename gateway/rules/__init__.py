"""Automation rules: their language, loading, matching and explanation."""
