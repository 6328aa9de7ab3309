"""Celery, and only here."""
