"""Reader of calls: which customer it is about, who began it, and what became of it; total.

The fields are Meta's: https://developers.facebook.com/documentation/business-messaging/whatsapp/calling
"""

import re
from collections.abc import Mapping

from gateway.core.events import BY_CUSTOMER, BY_US, CallOutcome, PhoneCall
from gateway.core.webhook import event_keys
from gateway.core.webhook.customers import (
    NOBODY,
    Customer,
    find_customer,
    integer,
    read_moment,
    text_field,
)
from gateway.core.webhook.event_readers import Location, Raw, common_fields, customer_of


def call(location: Location, item: int, raw: Raw) -> PhoneCall | None:
    """Make a PhoneCall of a call that rings, begins or ends."""
    if not (wacid := text_field(raw, "id")):
        return None
    state = text_field(raw, "event") or text_field(raw, "status")
    customer = _find_party(location, raw)
    fields = common_fields(location, item, raw, customer)
    return PhoneCall(
        key=event_keys.join("call", location.number, wacid, state),
        **fields,
        field=location.field,
        direction=text_field(raw, "direction"),
        outcome=_read_outcome(raw),
        began_at=read_moment(raw.get("start_time"), location.delivery.received_at) or fields["at"],
        name=customer.name,
    )


def _find_party(location: Location, raw: Raw) -> Customer:
    """Return the customer of a call: the other side than ours, completed from `contacts`."""
    recipient = customer_of(location, raw, "recipient_id", "recipient_user_id")
    if text_field(raw, "recipient_id") or text_field(raw, "recipient_user_id"):
        return recipient
    side = _customers_side(location, raw)
    phone, user = text_field(raw, side), text_field(raw, f"{side}_user_id")
    # Meta's examples name our own number on the customer's side, so contacts have to say who it is.
    is_ours = _digits(phone) == _digits(location.our_phone)
    customer = find_customer(location.people, "" if is_ours else phone, user)
    return customer if customer != NOBODY else find_customer(location.people)


def _customers_side(location: Location, raw: Raw) -> str:
    match text_field(raw, "direction"):
        case "USER_INITIATED":
            return "from"
        case "BUSINESS_INITIATED":
            return "to"
        case _:
            return (
                "to" if _digits(text_field(raw, "from")) == _digits(location.our_phone) else "from"
            )


# Of a status, which Meta reports of a call of ours; a call of either side may be rejected.
_BY_STATUS: Mapping[str, CallOutcome] = {
    "RINGING": "calling", "ACCEPTED": "answered", "REJECTED": "rejected",
}  # fmt: skip
_NOT_PICKED_UP: Mapping[str, CallOutcome] = {BY_CUSTOMER: "missed", BY_US: "failed"}


def _read_outcome(raw: Raw) -> CallOutcome:
    """Return what became of a call; "" if it has no word, such as a call of ours that is set up."""
    event, status = text_field(raw, "event"), text_field(raw, "status")
    direction = text_field(raw, "direction")
    if event == "connect":
        return "ringing" if direction == BY_CUSTOMER else ""
    if event != "terminate" or status == "REJECTED":
        return _BY_STATUS.get(status, "")
    # Meta gives these times only of a call that was picked up.
    was_picked_up = integer(raw.get("start_time")) or integer(raw.get("duration"))
    if was_picked_up or status == "COMPLETED":
        return "ended"
    return _NOT_PICKED_UP.get(direction, "")


def _digits(phone: str) -> str:
    return re.sub(r"\D", "", phone)
