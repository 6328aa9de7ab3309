"""Forwarding of the usual recipe: one task for each event and receiver, with one httpx.post."""

import os

import httpx
from celery import Celery

REDIS_URL = os.environ["REDIS_URL"]

app = Celery("recipe", broker=REDIS_URL, backend=REDIS_URL)
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    task_default_queue="default",
    task_ignore_result=True,
)


@app.task(name="forward_event", autoretry_for=(httpx.HTTPError,), retry_backoff=True)
def forward_event(url: str, event: dict[str, object]) -> None:
    """Post one event to one receiver."""
    httpx.post(url, json=event, timeout=15).raise_for_status()
