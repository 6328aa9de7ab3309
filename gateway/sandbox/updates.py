"""Webhook bodies: messages of customers, statuses of ours, and the envelope round them."""

from collections.abc import Sequence

from gateway.sandbox.config import Number
from gateway.sandbox.errors import title
from gateway.sandbox.wire import Json, is_user_id

_ERRORS_PAGE = "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/"


def envelope(waba_id: str, changes: Sequence[Json]) -> Json:
    """Wrap changes as Meta posts them."""
    return {
        "object": "whatsapp_business_account",
        "entry": [{"id": waba_id, "changes": list(changes)}],
    }


def message_change(number: Number, customer: str, name: str, message: Json) -> Json:
    """Tell the business that a customer wrote."""
    contact = {"profile": {"name": name}, **_named("wa_id", "user_id", customer)}
    return _change(number, {"contacts": [contact], "messages": [message]})


def status_change(number: Number, customer: str, name: str, status: Json) -> Json:
    """Tell the business how its message fares; a failure comes without contacts."""
    contact = {"profile": {"name": name}, **_named("wa_id", "user_id", customer)}
    contacts = {} if status["status"] == "failed" else {"contacts": [contact]}
    return _change(number, {**contacts, "statuses": [status]})


def sender(customer: str) -> Json:
    """Name the customer in a message; one who is known by a user id only has no `from`."""
    return _named("from", "from_user_id", customer)


def status(
    wamid: str, word: str, customer: str, *, at: float, callback: str | None, template: bool
) -> Json:
    """Make one status; the price stands on `sent`."""
    made: Json = {"id": wamid, "status": word, "timestamp": str(int(at))}
    made |= _named("recipient_id", "recipient_user_id", customer)
    if callback is not None:
        made["biz_opaque_callback_data"] = callback
    if word == "sent":
        made["pricing"] = _TEMPLATE_PRICE if template else _SERVICE_PRICE
    return made


def failure(code: int) -> Json:
    """Make the error of a failed status."""
    name = title(code)
    details = {"details": "The sandbox was asked to let this message fail."}
    return {
        "code": code,
        "title": name,
        "message": name,
        "error_data": details,
        "href": _ERRORS_PAGE,
    }


_SERVICE_PRICE = {
    "billable": False,
    "pricing_model": "PMP",
    "type": "free_customer_service",
    "category": "service",
}
_TEMPLATE_PRICE = {
    "billable": True,
    "pricing_model": "PMP",
    "type": "regular",
    "category": "utility",
}


def _named(phone_key: str, user_key: str, customer: str) -> Json:
    return {user_key if is_user_id(customer) else phone_key: customer}


def _change(number: Number, rest: Json) -> Json:
    metadata = {"display_phone_number": number.display, "phone_number_id": number.id}
    return {
        "value": {"messaging_product": "whatsapp", "metadata": metadata, **rest},
        "field": "messages",
    }
