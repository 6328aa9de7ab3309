"""API of the usual recipe: `POST /send-message` queues one Celery task, as articles have it."""

import os

from celery import Celery
from kombu import Queue
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

REDIS_URL = os.environ["REDIS_URL"]

app = Celery("recipe", broker=REDIS_URL, backend=REDIS_URL)
app.conf.update(
    task_serializer="json",
    result_serializer="json",
    accept_content=["json"],
    task_queues=(Queue("critical"), Queue("default"), Queue("bulk"), Queue("scheduled")),
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    result_expires=86400,
)


@app.task(name="send_whatsapp_message", queue="critical")
def send_whatsapp_message(phone_number: str, message: dict[str, object]) -> None:
    """Stand for the task, which no worker runs while requests are measured."""


async def send_message(request: Request) -> JSONResponse:
    """Queue the task, and answer with its id."""
    asked = await request.json()
    task = send_whatsapp_message.apply_async(
        args=(asked["phone_number"], asked["message"]), queue="critical"
    )
    return JSONResponse(
        {"status": "queued", "task_id": task.id, "check_status": f"/tasks/{task.id}"}
    )


web = Starlette(routes=[Route("/send-message", send_message, methods=["POST"])])
