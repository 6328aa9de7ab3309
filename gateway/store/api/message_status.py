"""Status of a message in the words of the API, and its result in those of Celery; pure."""

from datetime import datetime
from typing import Any

from gateway.core.sending.error_codes import find_policy
from gateway.store.sending.lookup import TracedSend

# Our stages in the words of the API; all others have the same name.
_STATUS = {"new": "queued", "parked": "queued", "redriven": "queued", "dead": "failed",
           "dropped": "failed"}  # fmt: skip
ACCEPTED = ("accepted", "sent", "delivered", "read", "played")
FAILED = ("failed", "expired", "cancelled")
FINAL = frozenset({"read", "played", *FAILED})
ERROR_PAGES = "/v1/errors"


def status_of(send: TracedSend) -> str:
    """Return the status of a message in the words of the API."""
    status = _STATUS.get(send.stage, send.stage)
    is_scheduled = send.state.due_at is not None and not send.attempts
    return "scheduled" if status == "queued" and is_scheduled else status


def stages_of(status: str) -> frozenset[str]:
    """Return the stages in which a message may have a status."""
    word = "queued" if status == "scheduled" else status
    return frozenset({word, *(stage for stage, other in _STATUS.items() if other == word)})


def view_task(send: TracedSend) -> dict[str, Any]:
    """Return a message as a task: the words of Celery, and the result of the usual recipe."""
    status = status_of(send)
    return {
        "task_id": send.id,
        "status": _task_status(send, status),
        "result": _result(send, status),
    }


def view_error(send: TracedSend) -> dict[str, Any]:
    """Return why a message failed, with advice; Meta's code is null where Meta was not asked."""
    error = send.error
    code = error.get("code")
    about: dict[str, Any] = {
        "code": code,
        "title": str(error.get("reason", "")) or status_of(send),
        "details": str(error.get("details", "")) or None,
    }
    if isinstance(code, int) and (policy := find_policy(code)):
        about |= {"advice": policy.advice or None, "page": f"{ERROR_PAGES}/{code}"}
    return about


def ended_at(send: TracedSend) -> datetime | None:
    """Return when a task was over; None while it is not, or where nothing says when."""
    status = status_of(send)
    if status not in (*ACCEPTED, *FAILED):
        return None
    began = max(send.began.values(), default=None)
    return began or send.planned_at


def _task_status(send: TracedSend, status: str) -> str:
    if status in ACCEPTED:
        return "SUCCESS"
    if status in FAILED:
        return "FAILURE"
    if status in ("attempting", "unconfirmed"):
        return "STARTED"
    return "RETRY" if send.attempts else "PENDING"


def _result(send: TracedSend, status: str) -> dict[str, Any] | None:
    if status in ACCEPTED:
        return {"status": "sent", "message_id": send.wamid or None}
    if status in FAILED:
        error = view_error(send)
        title = error["title"] if status == "failed" else status
        return {"status": "failed", "error": title, "advice": error.get("advice")}
    return None
