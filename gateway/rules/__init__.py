"""The language of automation rules: load, match, explain."""
