"""Celery setup."""
