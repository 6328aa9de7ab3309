"""Requests of other Celery applications, and the results that they are owed."""
