"""Celery, and only here: wake-up messages, and the workers that they wake."""

from tasks.app import app

__all__ = ["app"]
