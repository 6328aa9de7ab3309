"""Every peculiarity of Celery and RedBeat, each with its reason."""
