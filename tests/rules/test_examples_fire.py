"""Each rule of the page fires for something, and Meta would take what it sends."""

import itertools
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from gateway.core.contacts.contact import Contact
from gateway.core.events import CampaignMessage, Event, Notice
from gateway.core.messages import with_recipient
from gateway.core.planning.decision import Decision
from gateway.rules.checks.rulefile_check import check as read
from gateway.rules.language.actions import SENDS
from gateway.rules.language.conditions import CALL_OUTCOMES, Conditions, When
from gateway.rules.language.rulefile import Book
from gateway.rules.loader import assemble_rulebook
from gateway.sandbox.validation.message import check_message
from tests.rules.test_examples import BLOCKS
from tests.support.factories import ANA, NOW, NUMBER, a_call, a_message, a_status
from tests.support.rules.rulebooks import HEAD

BOOKS = [read("page", HEAD + one if one.startswith("-") else one).book for one in BLOCKS]
RULES = [
    (book.model_copy(update={"rules": (rule,)}), f"{number}: {rule.name}")
    for number, book in enumerate(BOOKS)
    if book
    for rule in book.rules
]
# For patterns, which do not tell a text that fits them.
TEXTS = [
    "order 77",
    "cancel 77",
    "find red shoes",
    "M",
    "size M",
    "urgent order",
    "hello",
    "She said “yes”.",
]

LONG_AGO = NOW - timedelta(days=40)
NOTED = {"language": "pt", "size": "M"}
CONTACTS = [
    Contact(ANA, wa_id=ANA),
    Contact(ANA, wa_id=ANA, last_inbound_at=LONG_AGO, tags=("fan",), vars=NOTED),
    Contact(ANA, wa_id=ANA, last_inbound_at=LONG_AGO, muted_until=NOW + timedelta(days=1)),
    *(Contact(ANA, wa_id=ANA, vars={"step": step}) for step in ("size", "address", "confirm")),
]
MOMENTS = [
    datetime.fromisoformat(moment)
    for moment in ("2026-11-22T12:00+00:00", "2026-11-23T10:00+00:00", "2026-11-28T23:00+00:00")
]
FLOW = {"response_json": '{"size": "M"}'}
RAW: list[dict[str, Any]] = [
    {"type": "image"},
    {"type": "location"},
    {"type": "order"},
    {
        "type": "order",
        "raw": {
            "order": {
                "catalog_id": "7",
                "text": "a gift",
                "product_items": [
                    {
                        "product_retailer_id": "pizza-9",
                        "quantity": 2,
                        "item_price": 60,
                        "currency": "EUR",
                    },
                ],
            }
        },
    },
    {"type": "interactive", "raw": {"interactive": {"nfm_reply": FLOW}}},
    {"type": "edit", "raw": {"edit": {"message": {"type": "text", "text": {"body": "order 8"}}}}},
    {"raw": {"referral": {"ctwa_clid": "ARexample"}}},
    {"type": "revoke"},
    {"type": "audio", "raw": {"audio": {"voice": True}}},
    {"type": "reaction", "raw": {"reaction": {"emoji": "👍"}}},
    {"raw": {"referral": {"source_type": "ad", "source_id": "120208", "headline": "Winter sale"}}},
]


def words(part: Conditions) -> Iterator[str]:
    """Go through the texts that a rule asks for."""
    for test in (part.text,) if part.text else ():
        for said in (test.equals, test.any_of, test.contains, test.word, test.starts_with):
            yield from said or ()
        yield from test.exactly or ()
        both = [*(test.starts_with or ()), *(test.contains or ())]
        yield " ".join(both)


def notice(field: str, raw: Any) -> Notice:
    return Notice(
        key=field, delivery="0:1-0", item=0, number=NUMBER, contact=ANA, wa_id=ANA, at=NOW,
        raw=raw, field=field,
    )  # fmt: skip


def events(whens: tuple[When, ...]) -> Iterator[Event]:
    """Make what a rule may be for."""
    parts = [part for when in whens for part in when.parts()]
    texts = [text for part in parts for text in words(part)]
    for text in [*TEXTS, *texts, " ".join(texts)]:
        yield a_message(text=text)
        yield a_message(text=text, at=NOW - timedelta(hours=1))
        for name in (name for part in parts if part.campaign for name in part.campaign.name):
            yield a_message(text=text, answers=CampaignMessage("", "c1", name, NOW))
    for tapped in (id_ for part in parts for id_ in part.tapped or ()):
        yield a_message(type="interactive", tapped=tapped)
    yield from (a_message(text=None, **raw) for raw in RAW)
    yield a_status("wamid.1", "failed", code=131047)
    yield a_status("wamid.1", "read")
    yield notice("smb_message_echoes", {"type": "text", "text": {"body": "#done"}})
    yield from (a_call(outcome) for outcome in CALL_OUTCOMES)
    raw = {"event": "REJECTED", "message_template_name": "offer", "reason": "NONE"}
    yield from (notice(field, raw) for part in parts for field in part.field or ())


def decisions(book: Book) -> Iterator[Decision]:
    rulebook = assemble_rulebook([book])
    every = itertools.product(events(book.rules[0].when), CONTACTS, MOMENTS)
    for event, contact, moment in every:
        # The event happens as long before the moment as it does before ours.
        at = moment - (NOW - event.at)
        yield rulebook.decide(type(event)(**{**slots(event), "at": at}), contact, moment)


def slots(event: Event) -> dict[str, Any]:
    names = {name for kind in type(event).__mro__ for name in getattr(kind, "__slots__", ())}
    return {name: getattr(event, name) for name in names}


@pytest.mark.parametrize(("book", "name"), RULES, ids=[name for _, name in RULES])
def test_rule_of_the_page_fires_and_meta_takes_what_it_sends(book: Book, name: str) -> None:
    fired = [fired for decision in decisions(book) for fired in decision.fired]

    # What is turned off fires for nothing.
    assert bool(fired) is book.rules[0].enabled
    sent = {
        str(action.body): with_recipient(action.body, CONTACTS[0])
        for one in fired
        for action in one.actions
        if action.verb in {*SENDS, "react"}
    }
    assert [check_message(body) for body in sent.values() if check_message(body)] == []
    assert not re.search(r"\{\{|None", str(list(sent.values())))
