"""A contact is folded from the messages it sent, whatever order their clocks tell."""

from datetime import UTC, datetime, timedelta

from gateway.core.contacts import Contact
from gateway.core.events import Message

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def a_message(at: datetime, name: str = "Ana") -> Message:
    return Message(
        key="message|1|w1", delivery="0:1-0", item=0, number="1", contact="351900000001", at=at,
        raw={}, id="w1", type="text", text="hi", wa_id="351900000001", name=name,
    )  # fmt: skip


def test_contact_is_new_until_the_first_message() -> None:
    contact = Contact("351900000001")

    after = contact.after(a_message(NOW))

    assert contact.is_new
    assert not after.is_new
    assert (after.wa_id, after.name, after.last_inbound_at) == ("351900000001", "Ana", NOW)


def test_an_older_message_does_not_turn_back_the_last_inbound_moment() -> None:
    contact = Contact("351900000001").after(a_message(NOW))

    after = contact.after(a_message(NOW - timedelta(hours=1), name=""))

    assert after.last_inbound_at == NOW
    assert after.name == "Ana"
