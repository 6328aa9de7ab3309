"""Celery, and only here: messages that ring, and the workers that answer."""

from tasks.app import app

__all__ = ["app"]
