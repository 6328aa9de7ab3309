"""Campaign of the usual recipe: a group of sends and a chord that marks the campaign complete."""

import os

import httpx
from celery import Celery, chord, group

REDIS_URL = os.environ["REDIS_URL"]
MESSAGES = f"{os.environ['META_GRAPH_URL']}/v23.0/{os.environ['META_PHONE_NUMBER_ID']}/messages"

app = Celery("recipe", broker=REDIS_URL, backend=REDIS_URL)
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    task_default_queue="bulk",
    result_expires=86400,
)
_client = httpx.Client(
    headers={"authorization": f"Bearer {os.environ['META_ACCESS_TOKEN']}"}, timeout=30
)


@app.task(name="send_whatsapp_message", max_retries=3)
def send_whatsapp_message(phone_number: str, message: dict[str, object]) -> str:
    """Post one message to Meta."""
    body = {"messaging_product": "whatsapp", "to": phone_number, **message}
    answer = _client.post(MESSAGES, json=body).raise_for_status()
    return str(answer.json()["messages"][0]["id"])


@app.task(name="mark_campaign_complete")
def mark_campaign_complete(results: list[str], campaign_id: str) -> dict[str, object]:
    """Say that all were sent."""
    return {"campaign": campaign_id, "sent": len(results)}


@app.task(name="process_broadcast_campaign")
def process_broadcast_campaign(
    campaign_id: str, recipients: list[str], message: dict[str, object]
) -> None:
    """Queue one task for each recipient."""
    sends = group(send_whatsapp_message.s(one, message) for one in recipients)
    chord(sends)(mark_campaign_complete.s(campaign_id))
