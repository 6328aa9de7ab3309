"""Schedule of beat's periodic jobs; RedBeat keeps it in the store, where it can be changed."""

from celery.schedules import crontab

SCHEDULE = {
    "process-scheduled-messages": {
        "task": "tasks.process_scheduled_messages",
        "schedule": 1.0,
        "options": {"queue": "scheduled"},
    },
    "sweep-waiting": {
        "task": "tasks.sweep",
        "schedule": 2.0,
        "options": {"queue": "scheduled"},
    },
    "watch": {
        "task": "tasks.watch",
        "schedule": 5.0,
        "options": {"queue": "scheduled"},
    },
    "canary": {
        "task": "tasks.canary",
        "schedule": 60.0,
        "options": {"queue": "scheduled"},
    },
    "fetch-templates": {
        "task": "tasks.templates",
        "schedule": 60.0,
        "options": {"queue": "outgoing"},
    },
    "cleanup-expired-sessions": {
        "task": "tasks.cleanup_expired_sessions",
        "schedule": crontab(hour="2", minute="0"),
        "options": {"queue": "scheduled"},
    },
}

# These tasks clear the mark of their wake-up when they begin; an operator's own entries do not.
# By the last two names earlier releases called tasks; an entry that an operator changed keeps them.
TASKS = frozenset(str(entry["task"]) for entry in SCHEDULE.values()) | {
    "tasks.tick",
    "tasks.cleanup",
}
