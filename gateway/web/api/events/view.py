"""What a client sees of an event in a list: ids, moments and decisions, and no text; pure."""

from typing import Any

from gateway.store.api.lists.event_list import ListedEvent
from gateway.store.tracing.records import PlanRecord
from gateway.web.api.events.trace_data import TraceData


def view_event(event: ListedEvent, data: TraceData) -> dict[str, Any]:
    """Return an event with what was planned for it; of a damaged one what is known."""
    record = event.record
    if not isinstance(record, PlanRecord):
        return {"id": event.id, "number": event.number, "damaged": True}
    kind, _, name = record.key.partition("|")
    return {
        "id": event.id,
        "number": event.number,
        "kind": record.kind or kind,
        # The key of another event may hold the customer's number.
        "wamid": name.rpartition("|")[2] if kind == "message" else None,
        "customer": data.masking.person(event.contact) if event.contact else None,
        "at": record.at,
        "delivery": record.delivery or None,
        "item": record.item,
        "plan": data.plan(record),
        "sends": list(record.sends),
        "notifications": list(record.notifications),
    }
