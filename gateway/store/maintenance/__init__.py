"""Scheduled maintenance: due items and retention; and the migration to layout 2."""
