"""`gateway trace --json` is data with stable names, masked as the story is."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.core.contacts.contact import Contact
from gateway.store.sending.lookup import DeliveryWait, StatusEntry
from gateway.store.sending.send_states import SendState
from gateway.store.tracing.masking import Masking
from gateway.store.tracing.trace import Conversation, FailedEvent, Search, Trace
from gateway.web.api.events.trace_data import TraceData
from tests.cli.test_trace_story import ASIDE, KEPT, KEY, RECORD, SENT, STORIES
from tests.support.factories import ANA, NOW, NUMBER

PAGE = (Path(__file__).parents[2] / "docs" / "trace.md").read_text()
AT = "2026-11-22T12:00:00.000+00:00"
CONTACT = Contact(ANA, last_inbound_at=NOW, tags=("vip",), vars={"size": "42"})


def data(found: Search, *, reveal: bool = False) -> Any:
    """Return what another program reads."""
    return orjson.loads(orjson.dumps(TraceData(Masking(reveal)).search(found)))


def event(**fields: Any) -> Any:
    trace = Trace(NUMBER, KEY, **({"kept_event": KEPT} | fields))
    return data(Search((trace,)))["events"][0]


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({"record": RECORD, "is_known": True}, "planned"),
        ({"is_known": True}, "known"),
        ({"waiting_state": "waiting"}, "waiting"),
        ({"waiting_state": "aside", "deferred": ASIDE}, "aside"),
        ({"waiting_state": "given_up"}, "given_up"),
        ({"failure": FailedEvent(NOW, "KeyError")}, "dead"),
        ({"kept_event": None}, "unknown"),
    ],
)
def test_the_state_of_an_event_is_one_word(fields: dict[str, Any], state: str) -> None:
    assert event(**fields)["state"] == state


def test_a_plan_names_its_rules_and_reasons() -> None:
    plan = event(record=RECORD)["plan"]

    assert (plan["at"], plan["rulebook"], plan["first_contact"]) == (AT, "v1", True)
    assert plan["rules"] == [{"rule": "welcome", "why": "this is the first contact"}]


def test_an_attempt_has_its_outcome_code_and_message() -> None:
    notes: dict[int, dict[str, Any]] = {
        1: {"outcome": "later", "code": 131056, "ms": 48},
        2: {"outcome": "accepted"},
    }
    sent = replace(SENT, attempts=2, began={1: NOW, 2: NOW}, notes=notes, wamid="wamid.out")

    first, second = event(record=RECORD, sends=(sent,))["sends"][0]["attempts"]

    assert (first["outcome"], first["error"], first["took_ms"]) == ("later", {"code": 131056}, 48)
    assert (second["at"], second["wamid"], second["error"]) == (AT, "wamid.out", None)


def test_a_send_tells_how_long_those_behind_it_waited() -> None:
    plain, waiting = event(
        record=RECORD, sends=(SENT, replace(SENT, delivery_wait=DeliveryWait(NOW, NOW)))
    )["sends"]

    assert plain["delivery_wait"] is None
    assert waiting["delivery_wait"] == {"began_at": AT, "until": AT, "ended_at": None}


def test_a_status_has_its_time_and_its_attempt() -> None:
    sent = replace(SENT, statuses=(StatusEntry("delivered", "1", NOW),))

    (status,) = event(record=RECORD, sends=(sent,))["sends"][0]["statuses"]

    assert status == {"stage": "delivered", "at": AT, "kept_at": None, "attempt": 1}


def test_a_send_that_waits_says_for_what() -> None:
    sent = replace(SENT, state=SendState(sends_ahead=3, is_held=True))

    assert event(sends=(sent,))["sends"][0]["waits"] == {"sends_ahead": 3, "held": True}


def test_a_customer_has_tags_and_variables_and_says_whether_there_is_more() -> None:
    found = Search(conversations=(Conversation(NUMBER, CONTACT, (), {}, (), has_more=True),))

    (masked,), (revealed,) = data(found)["customers"], data(found, reveal=True)["customers"]

    assert (masked["tags"], masked["variables"], masked["has_more_events"]) == (
        ["vip"], {"size": None}, True,
    )  # fmt: skip
    assert (masked["wrote_last_at"], revealed["variables"]) == (AT, {"size": "42"})


@pytest.mark.parametrize("trace", [one for one, _ in STORIES.values()], ids=STORIES)
def test_no_number_is_shown_without_being_asked_for(trace: Trace) -> None:
    assert ANA not in str(data(Search((trace,))))


def names_in(value: Any) -> set[str]:
    """Return every name inside a value but those that authors or Meta give."""
    if isinstance(value, list):
        return set().union(*map(names_in, value))
    if not isinstance(value, dict):
        return set()
    below = (one for name, one in value.items() if name not in ("variables", "data", "pricing"))
    return set(value).union(*map(names_in, below))


def test_the_page_lists_every_name() -> None:
    listed = set(re.findall(r"`(\w+)`", PAGE.partition("## As data")[2].partition("\n## ")[0]))
    error = {"code": 1, "reason": "a", "title": "b", "details": "c", "fbtrace_id": "d"}
    state = SendState(NOW, NOW, NOW, 1, NOW, NOW, is_held=True)
    sent = replace(SENT, attempts=1, notes={1: error}, statuses=(StatusEntry("read", "1", NOW),))
    whole = Trace(
        NUMBER, KEY, KEPT, waiting_state="aside", deferred=ASIDE, failure=FailedEvent(NOW, "x"),
        record=replace(RECORD, limited=("a", "b"), alerts=(("a", "b"),)),
        sends=(replace(sent, state=state),),
    )  # fmt: skip
    customers = (Conversation(NUMBER, CONTACT, (whole,), {"reply": 1}, ()),)

    assert names_in(data(Search((whole,), customers))) - {"reply"} <= listed
