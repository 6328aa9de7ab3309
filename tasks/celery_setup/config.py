"""Every Celery setting, once, with a reason if it is unexpected."""

from collections.abc import Mapping
from typing import Any

from celery.app.defaults import NAMESPACES, flatten
from kombu import Queue

from gateway.config.redis_address import parse
from gateway.config.settings import Settings
from gateway.store import keys
from tasks.celery_setup.broker import KEY_PREFIX, SCHEDULE_STORE, broker_settings
from tasks.celery_setup.schedule import SCHEDULE

QUEUES = ("critical", "default", "bulk", "scheduled", "outgoing")

# RedBeat reads these, and Celery does not know them.
_REDBEAT = frozenset(
    {"redbeat_redis_url", "redbeat_redis_options", "redbeat_key_prefix", "redbeat_lock_timeout"}
)


class UnknownOptionError(Exception):
    """A setting has a name that neither Celery nor RedBeat reads; Celery would say nothing."""


def config(settings: Settings) -> dict[str, Any]:
    """Return the whole configuration. Raises UnknownOptionError."""
    options = _transport(settings) | _delivery() | _results(settings) | _workers() | _beat()
    reject_unknown_options(options)
    return options


def reject_unknown_options(options: Mapping[str, Any]) -> None:
    """Refuse names that neither Celery nor RedBeat knows, such as `task_max_retries`."""
    known = set(dict(flatten(NAMESPACES))) | _REDBEAT
    if unknown := sorted(set(options) - known):
        raise UnknownOptionError(f"no such Celery setting: {', '.join(unknown)}")


def _transport(settings: Settings) -> dict[str, Any]:
    return {
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,  # retry even if the broker is unavailable all night
        "broker_pool_acquire_timeout": 5,
    } | broker_settings(settings.broker_url)


def _delivery() -> dict[str, Any]:
    return {
        # Without a routing key of their own all would get what the default exchange receives.
        "task_queues": [Queue(name, routing_key=name) for name in QUEUES],
        "task_default_queue": "default",
        "task_create_missing_queues": False,
        "task_routes": {
            "tasks.drain": {"queue": "default"},
            "tasks.pump": {"queue": "critical"},  # for replies; callers name the queue for bulk
            "tasks.process_broadcast_campaign": {"queue": "bulk"},
            "tasks.mark_campaign_complete": {"queue": "bulk"},
            "tasks.notify": {"queue": "outgoing"},
            "tasks.forward": {"queue": "outgoing"},
            "tasks.templates": {"queue": "outgoing"},
            "tasks.send_whatsapp_message": {"queue": "critical"},
            "tasks.*": {"queue": "scheduled"},
        },
        "task_serializer": "json",
        "accept_content": ["json"],
        # A message only wakes; the outcome of a send is in the store. Only a task that another
        # application calls says otherwise, and has a result.
        "task_ignore_result": True,
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        # The outcome of a task that raised or hung is in the store; the sweep repeats the wake-up.
        "task_acks_on_failure": True,
        "task_acks_on_timeout": True,
        # A repeated publish may wake twice, and the sweep repeats a wake-up that was lost.
        "task_publish_retry": False,
        # We retry by Meta's error code and the due index; Celery never does.
        "task_annotations": {"*": {"max_retries": 0}},
    }


def _results(settings: Settings) -> dict[str, Any]:
    # Other applications read results with Celery's client, which cannot read a Redis Cluster.
    if parse(settings.redis_url).nodes:
        return {"result_backend": None, "result_expires": None}
    return {
        "result_backend": "tasks.celery_setup.result_backend:ResultBackend",
        "result_backend_transport_options": {
            "global_keyprefix": KEY_PREFIX,
            # One place repeats what failed, and it covers the read before the write as well.
            "retry_policy": {"max_retries": 0},
        },
        "result_backend_always_retry": True,
        "result_backend_max_retries": 10,  # some 10 s in all
        "result_expires": max(1, int(settings.gateway_results.total_seconds())),  # 0 is for ever
    }


def _workers() -> dict[str, Any]:
    return {
        # Connected again within seconds of the broker's return.
        "worker_consumer": "tasks.celery_setup.consumer:Consumer",
        "worker_prefetch_multiplier": 1,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        # Celery 6 turns this on; a task must never be killed in the middle of its POST.
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        # Nobody listens without Flower; -E turns them on, and FLOWER_ENABLE_EVENTS.
        "worker_send_task_events": False,
        "task_send_sent_event": False,
        "worker_enable_remote_control": True,
    }


def _beat() -> dict[str, Any]:
    return SCHEDULE_STORE | {
        "timezone": "UTC",
        "beat_schedule": SCHEDULE,
        "beat_scheduler": "tasks.scheduled.beat.Beat",
        "beat_max_loop_interval": 1,
        "redbeat_key_prefix": keys.BEAT_PREFIX,
        # A second beat takes over this long after the first died (tasks/scheduled/beat.py).
        "redbeat_lock_timeout": 10,
    }
