"""The story of an event is told in order, what is not known as plainly as what is; by table."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.core.campaigns.recipient_state import campaign_send_id
from gateway.core.contacts.contact import Contact
from gateway.core.contacts.hand_over import HandOver
from gateway.core.dead_letters.deferred_delivery import DeferReason, read_deferred
from gateway.core.sending.pauses import Hold, NumberPauses
from gateway.store.inbox.lookup import GONE, KeptEvent
from gateway.store.outgoing.notifications import TracedNotification
from gateway.store.outgoing.traced_posts import PostedAttempt
from gateway.store.sending.lookup import (
    DeliveryWait,
    StatusEntry,
    TracedSend,
)
from gateway.store.sending.send_states import GroupMember, SendState
from gateway.store.tracing.masking import Masking
from gateway.store.tracing.records import PlanRecord
from gateway.store.tracing.story.notifications import FORGOTTEN, describe_notification
from gateway.store.tracing.story.sends import describe_send
from gateway.store.tracing.story.story import Teller
from gateway.store.tracing.story.story_line import StoryLine
from gateway.store.tracing.trace import Conversation, FailedEvent, Search, Trace
from tests.support.factories import ANA, NOW, NUMBER, a_message, a_status

KEY = f"message|{NUMBER}|wamid.1"
KEPT_MS = int(NOW.timestamp() * 1000)
DELIVERY = f"3:{KEPT_MS}-0"
WEEK = timedelta(days=7)
KEPT = KeptEvent(DELIVERY, 0, origin="meta", secret="1", event=a_message())
WHY = f"{KEPT_MS} {DeferReason('unopened', 'key 1').pack().decode()}"
ASIDE = read_deferred(DELIVERY, 3, KEPT_MS + 9_000, WHY, WHY)
RECORD = PlanRecord(KEY, "v1", True, (("welcome", "this is the first contact"),), ("s" * 24,), NOW)
SENT = TracedSend(
    "s" * 24, "queued", "welcome", "r", "reply", body={"type": "text", "text": {"body": "hello"}},
    planned_at=NOW,
)  # fmt: skip


def tell(found: Search, *, reveal: bool = False, now: datetime = NOW) -> list[StoryLine]:
    return Teller(Masking(reveal), now, WEEK).tell(found)


def below(trace: Trace, **others: Any) -> list[str]:
    """Tell one trace and return the lines right below its head."""
    (line,) = tell(Search((trace,)), **others)
    return [f"{one.what}: {one.details}" for one in line.below]


KEPT_LINE = f"kept: delivery {DELIVERY}, item 0; signed with app secret 2"
WISH = PlanRecord(
    "user_preferences|1|351900000001|stop", "v1", False, (), (), changes=("opted out: stop",)
)
STORIES = {
    "a wish": (
        Trace(NUMBER, WISH.key, KEPT, is_known=True, record=WISH),
        [KEPT_LINE, "planned: no rule was asked"],
    ),
    "planned": (
        Trace(NUMBER, KEY, KEPT, is_known=True, record=RECORD),
        [KEPT_LINE, "planned: rulebook v1, first contact"],
    ),
    "not the first contact": (
        Trace(NUMBER, KEY, KEPT, is_known=True, record=replace(RECORD, first_contact=False)),
        [KEPT_LINE, "planned: rulebook v1, not the first contact"],
    ),
    "no rule": (
        Trace(NUMBER, KEY, KEPT, is_known=True),
        [KEPT_LINE, "planned: known, but no rule fired: no record is kept"],
    ),
    "a record without a rule": (
        Trace(NUMBER, KEY, KEPT, is_known=True, record=replace(RECORD, fired=(), sends=())),
        [KEPT_LINE, "planned: rulebook v1, first contact: no rule fired"],
    ),
    "waiting": (
        Trace(NUMBER, KEY, KEPT, waiting_state="waiting"),
        [KEPT_LINE, "planned: not yet: still waiting in partition 3"],
    ),
    "aside": (
        Trace(NUMBER, KEY, KEPT, waiting_state="aside", deferred=ASIDE),
        [
            KEPT_LINE,
            "set aside: a worker could not open it: key 1; tried 3 times, "
            "next at 2026-11-22 12:00:09Z",
            "planned: not yet: set aside in partition 3",
        ],
    ),
    "given up": (
        Trace(NUMBER, KEY, KEPT, waiting_state="given_up"),
        [KEPT_LINE, "planned: never: a person gave its delivery up"],
    ),
    "failed": (
        Trace(NUMBER, KEY, KEPT, failure=FailedEvent(NOW, "KeyError")),
        [KEPT_LINE, "dead letter: planning failed: KeyError"],
    ),
    "trimmed": (
        Trace(NUMBER, KEY, KeptEvent(DELIVERY, 0, GONE), is_known=True),
        [
            f"kept: delivery {DELIVERY}, item 0; its delivery is no longer in the inbox",
            "planned: known, but no rule fired: no record is kept",
        ],
    ),
    "put back": (
        Trace(NUMBER, KEY, replace(KEPT, origin="internal"), is_known=True),
        [
            f"kept: delivery {DELIVERY}, item 0; put back by the gateway itself",
            "planned: known, but no rule fired: no record is kept",
        ],
    ),
    "replayed": (
        Trace(NUMBER, KEY, replace(KEPT, origin="replay"), is_known=True),
        [
            f"kept: delivery {DELIVERY}, item 0; replayed by a person",
            "planned: known, but no rule fired: no record is kept",
        ],
    ),
    "not ours": (
        Trace(NUMBER, is_known=True, foreign_statuses=("sent", "read")),
        ["statuses: sent, read; no send of ours became this message"],
    ),
    "a send alone": (
        Trace(NUMBER, sends=(SENT,)),
        [
            "kept: by which event it was caused is not known any more",
            f"send {'s' * 24}: text (5 characters), by rule welcome, reply: queued",
        ],
    ),
    "a recipient of a campaign": (
        Trace(NUMBER, sends=(replace(SENT, id=campaign_send_id("k7f3abcdm2qx", 16)),)),
        [
            "campaign: k7f3abcdm2qx, recipient 17: gateway campaigns show k7f3abcdm2qx",
            "send 1k7f3abcdm2qx00000000016: text (5 characters), by rule welcome, reply: queued",
        ],
    ),
}


@pytest.mark.parametrize(("trace", "lines"), STORIES.values(), ids=STORIES)
def test_a_story_is_told_in_order(trace: Trace, lines: list[str]) -> None:
    assert below(trace) == lines


def test_where_a_record_may_have_gone_it_is_not_said_that_no_rule_fired() -> None:
    trace = Trace(NUMBER, KEY, KEPT, is_known=True)

    assert below(trace, now=NOW + timedelta(days=9))[-1] == (
        "planned: known, but there is no record: no rule fired, or it has gone "
        "(records are kept for 7 d)"
    )


def test_a_message_that_was_too_old_is_told_with_the_rule_that_had_an_answer() -> None:
    record = replace(RECORD, is_too_old=True, sends=())

    (line,) = tell(Search((Trace(NUMBER, KEY, KEPT, record=record),)))

    assert [(one.what, one.details) for one in line.below[1].below] == [
        ("rule welcome", "this is the first contact"),
        ("too old", "older than max_age, so the message that rules had for it was left out"),
    ]


def test_the_rules_that_fired_are_told_with_their_reasons() -> None:
    (line,) = tell(Search((Trace(NUMBER, KEY, KEPT, record=RECORD, sends=(SENT,)),)))

    planned = line.below[1]
    assert planned.at == NOW
    assert [(one.what, one.details) for one in planned.below] == [
        ("rule welcome", "this is the first contact")
    ]


def test_a_rule_whose_limit_was_reached_is_told_with_its_reason() -> None:
    record = replace(RECORD, fired=(), sends=(), limited=("it", "it fired within the last 8h"))

    (line,) = tell(Search((Trace(NUMBER, KEY, KEPT, record=record),)))

    assert line.below[1].details == "rulebook v1, first contact"
    assert [(one.what, one.details) for one in line.below[1].below] == [
        ("rule it", "it fired within the last 8h")
    ]


def test_texts_and_numbers_are_masked_unless_asked_for() -> None:
    trace = Trace(NUMBER, KEY, KEPT, is_known=True, record=RECORD, sends=(SENT,))
    masked, shown = (str(tell(Search((trace,)), reveal=reveal)) for reveal in (False, True))

    assert "text from …0001 (2 characters)" in masked
    assert "'text (5 characters)" in masked
    assert ANA not in masked
    assert f'text from {ANA} "hi"' in shown
    assert '"hello"' in shown


REQUESTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "text": ({"type": "text", "text": {"body": "hey"}}, "text (3 characters)", 'text "hey"'),
    "template": ({"type": "template", "template": {"name": "t"}}, "template t", "template t"),
    "other": ({"type": "image", "image": {"id": "1"}}, "image", 'image {"id":"1"}'),
    "read": ({"status": "read"}, "mark_read", "mark_read"),
    "typing": ({"status": "read", "typing_indicator": {}}, "typing", "typing"),
    "odd": ({"type": "text", "text": None}, "text (0 characters)", 'text ""'),
}


@pytest.mark.parametrize(("body", "masked", "shown"), REQUESTS.values(), ids=REQUESTS)
def test_what_is_asked_of_meta_is_named(body: dict[str, Any], masked: str, shown: str) -> None:
    assert (Masking().request(body), Masking(reveal=True).request(body)) == (masked, shown)


def test_an_event_that_is_no_message_is_named_by_its_kind() -> None:
    assert Masking().event(a_status("wamid.1", "read")) == "status"


def lines_of(**fields: Any) -> list[str]:
    """Tell a send and return the lines below it."""
    told = describe_send(replace(SENT, **fields), Masking())
    return [f"{one.what}: {one.details}" for one in told.below]


LATER = {
    "outcome": "later", "code": 131056, "reason": "Wait.", "details": "Too many (fbtrace_id A)",
}  # fmt: skip
ATTEMPTS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "under way": (
        {"stage": "attempting", "attempts": 1},
        ["attempt 1: under way, or its process died"],
    ),
    "without outcome": (
        {"stage": "accepted", "attempts": 1},
        ["attempt 1: no outcome is known"],
    ),
    "refused for now": (
        {"attempts": 1, "notes": {1: LATER}},
        ["attempt 1: later: code 131056: Wait; Meta says Too many (fbtrace_id A)"],
    ),
    "with how long it took": (
        {"attempts": 1, "notes": {1: LATER | {"ms": 1_234}}},
        ["attempt 1: later after 1,234 ms: code 131056: Wait; Meta says Too many (fbtrace_id A)"],
    ),
    "killed": (
        {"attempts": 1, "notes": {1: {"outcome": "killed"}}},
        ["attempt 1: its process died: nobody knows whether Meta had it"],
    ),
    "held": (
        {"attempts": 1, "notes": {1: {"outcome": "accepted", "message_status": "paused"}}},
        ["attempt 1: accepted: Meta says paused"],
    ),
    "in the other form": (
        {"attempts": 1, "notes": {1: {"outcome": "accepted", "other_form": True}}},
        ["attempt 1: accepted: to the other form of the number"],
    ),
    "given up": (
        {"attempts": 1, "notes": {1: {"outcome": "dead", "code": None, "gave_up_after": 8}}},
        ["attempt 1: dead: given up after 8 attempts"],
    ),
    "a message": (
        {"attempts": 1, "notes": {1: {"outcome": "accepted"}}, "wamid": "wamid.o"},
        ["attempt 1: accepted", "message: wamid.o"],
    ),
}


@pytest.mark.parametrize(("fields", "lines"), ATTEMPTS.values(), ids=ATTEMPTS)
def test_an_attempt_is_told_with_what_meta_said(fields: dict[str, Any], lines: list[str]) -> None:
    assert lines_of(**fields) == lines


def test_every_attempt_has_its_moment() -> None:
    began = {number: NOW + timedelta(seconds=9 * number) for number in (1, 2, 3)}
    told = describe_send(replace(SENT, attempts=3, began=began), Masking())

    assert [one.at for one in told.below] == list(began.values())


def test_attempts_that_are_not_told_of_any_more_are_counted() -> None:
    lines = lines_of(attempts=12, notes={3: {"outcome": "killed"}, 12: {"outcome": "accepted"}})

    assert lines == [
        "attempts: 2 more, refused long ago",
        "attempt 3: its process died: nobody knows whether Meta had it",
        "attempts: 8 more, refused long ago",
        "attempt 12: accepted",
    ]


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_a_send_that_was_redriven_is_told_in_the_order_in_which_it_happened() -> None:
    lines = lines_of(
        stage="delivered", attempts=2, wamid="wamid.2", messages={1: "wamid.1"},
        began={1: at(0.5), 2: at(3.7)},
        notes={1: {"outcome": "accepted"}, 2: {"outcome": "accepted"}},
        statuses=(
            StatusEntry("sent", "1", at(0)), StatusEntry("failed", "1", at(3)),
            StatusEntry("redriven", "1", at(3.6)),
            StatusEntry("delivered", "2", at(3)), StatusEntry("sent", "1", at(9)),
        ),
    )  # fmt: skip

    assert [line.partition(";")[0] for line in lines] == [
        "attempt 1: accepted",
        "message: wamid.1",
        "sent: of attempt 1",
        "failed: of attempt 1",
        "redriven: by a person, after attempt 1",
        "attempt 2: accepted",
        "message: wamid.2",
        "delivered: of attempt 2",
        "sent: of attempt 1",
    ]


def status(stage: str, attempt: str = "1", kept_s: int | None = None) -> StatusEntry:
    kept_at = None if kept_s is None else NOW + timedelta(seconds=kept_s)
    return StatusEntry(stage, attempt, NOW, kept_at)


FAILED = {"code": 131026, "title": "Message undeliverable", "source": "status"}
STATUSES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "in time": ({"stage": "sent", "statuses": (status("sent", kept_s=10),)}, ["sent: "]),
    "late": (
        {"stage": "sent", "statuses": (status("sent", kept_s=75),)},
        ["sent: late: kept 1 m after it"],
    ),
    "a little late, of the second attempt": (
        {
            "stage": "sent", "attempts": 2, "statuses": (status("sent", "2", kept_s=11),),
            "notes": {1: {"outcome": "later"}, 2: {"outcome": "accepted"}},
        },
        ["attempt 1: later", "attempt 2: accepted", "sent: of attempt 2; late: kept 11 s after it"],
    ),
    "failed": (
        {"stage": "failed", "statuses": (status("failed"),), "error": FAILED},
        [
            "failed: code 131026: The customer cannot get it: no WhatsApp, an old one, or terms "
            "not accepted; Meta says Message undeliverable"
        ],
    ),
    "failed, with all that Meta told": (
        {
            "stage": "failed", "statuses": (status("failed"),),
            "error": FAILED | {"fbtrace_id": "A", "more": [{"code": 131053, "title": "Odd"}]},
        },
        [
            "failed: code 131026: The customer cannot get it: no WhatsApp, an old one, or terms "
            "not accepted; Meta says Message undeliverable; fbtrace_id A; "
            "also code 131053: Check the file: its address, type and size; Meta says Odd"
        ],
    ),
    "failed after delivered": (
        {"stage": "delivered", "statuses": (status("delivered"), status("failed"))},
        ["delivered: ", "failed: noted, not obeyed: it was delivered already"],
    ),
    "delivered after failed": (
        {"stage": "failed", "statuses": (status("delivered"),), "error": FAILED},
        ["delivered: noted, not obeyed: it was failed already"],
    ),
    "after its end": (
        {"stage": "expired", "statuses": (status("sent"),)},
        ["sent: noted, not obeyed: it was expired already"],
    ),
    "to be sent again by itself": (
        {"stage": "queued", "statuses": (status("failed"),), "ended": {1: FAILED}},
        [
            "failed: code 131026: The customer cannot get it: no WhatsApp, an old one, or terms "
            "not accepted; Meta says Message undeliverable"
        ],
    ),
    "begun again": (
        {
            "stage": "queued", "statuses": (status("failed"), status("redriven")),
            "ended": {1: FAILED},
        },
        [
            "failed: ",
            "redriven: by a person, after attempt 1; it had ended: code 131026: The customer "
            "cannot get it: no WhatsApp, an old one, or terms not accepted",
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("fields", "lines"), STATUSES.values(), ids=STATUSES)
def test_a_status_is_told_with_what_is_odd_about_it(
    fields: dict[str, Any], lines: list[str]
) -> None:
    assert lines_of(**fields) == lines


UNTIL = NOW + timedelta(seconds=60)
WAITS = {
    "none": (None, []),
    "lasting": (
        DeliveryWait(NOW, UNTIL),
        ["next sends: wait for delivered, until 2026-11-22 12:01:00Z at most"],
    ),
    "over": (
        DeliveryWait(NOW, UNTIL, NOW + timedelta(milliseconds=1_234)),
        ["next sends: waited for delivered 1,234 ms"],
    ),
}


@pytest.mark.parametrize(("wait", "lines"), WAITS.values(), ids=WAITS)
def test_it_is_told_how_long_the_sends_behind_waited(
    wait: DeliveryWait | None, lines: list[str]
) -> None:
    assert lines_of(delivery_wait=wait) == lines


PRICES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "none": ({}, []),
    "paid": (
        {"billable": True, "pricing_model": "PMP", "type": "regular", "category": "utility"},
        ["pricing: billable, utility, regular, PMP"],
    ),
    "free": ({"billable": False, "category": "service"}, ["pricing: not billable, service"]),
    "unsaid": ({"category": "service"}, ["pricing: service"]),
}


@pytest.mark.parametrize(("pricing", "lines"), PRICES.values(), ids=PRICES)
def test_the_price_is_told(pricing: dict[str, Any], lines: list[str]) -> None:
    assert lines_of(pricing=pricing) == lines


def test_of_a_group_it_is_told_how_far_how_many_got_and_with_whom_it_failed() -> None:
    failed, read = GroupMember(ANA, "failed", NOW, 131026), GroupMember("PT.1", "read", NOW)
    members = (failed, read, replace(read, name="PT.2"))
    (line,) = describe_send(replace(SENT, state=SendState(members=members)), Masking()).below

    assert (line.details, line.tone) == ("failed 1, read 2", "odd")
    assert [(one.what, one.details[:12], one.at) for one in line.below] == [
        ("…0001", "code 131026:", NOW)
    ]


ENDS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "next": ({"state": SendState(sends_ahead=0)}, ["in its lane: it is next"]),
    "behind": (
        {"state": SendState(sends_ahead=2, lane_at=NOW)},
        ["in its lane: 2 sends before it, not before 2026-11-22 12:00:00Z"],
    ),
    "of a number that is held": (
        {
            "state": SendState(
                sends_ahead=0, pauses=NumberPauses(None, (Hold("", NOW, "the shop burns"),))
            )
        },
        [
            "in its lane: it is next",
            "its number: held since 2026-11-22 12:00:00 UTC: the shop burns",
        ],
    ),
    "of a rule that is held": (
        {"state": SendState(is_held=True)}, ["held: a person holds rule welcome"]
    ),
    "parked": (
        {"stage": "parked", "state": SendState(parked_till=NOW)},
        ["parked: until its customer writes, or 2026-11-22 12:00:00Z"],
    ),
    "for its moment": ({"state": SendState(due_at=NOW)}, ["waits: until its moment comes"]),
    "for evidence": (
        {"stage": "unconfirmed", "state": SendState(unconfirmed_till=NOW)},
        [
            "unconfirmed: nobody knows whether Meta had it; evidence may come until "
            "2026-11-22 12:00:00Z"
        ],
    ),
    "dead": (
        {
            "stage": "dead", "is_final": True, "error": {"code": 190, "reason": "Renew."},
            "state": SendState(dead_at=NOW, sends_ahead=0),
        },
        ["dead letter: code 190: Renew"],
    ),
    "failed by a status": (
        {"stage": "failed", "is_final": True, "error": FAILED, "state": SendState(dead_at=NOW)},
        ["dead letter: Meta took it, and could not deliver it"],
    ),
    "dropped": (
        {"stage": "dropped", "is_final": True, "error": {"code": None, "reason": "no answer"}},
        ["ended: no answer"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("fields", "lines"), ENDS.values(), ids=ENDS)
def test_where_a_send_waits_or_ended_is_told(fields: dict[str, Any], lines: list[str]) -> None:
    assert lines_of(**fields) == lines


def test_a_forgotten_send_is_said_to_be_forgotten() -> None:
    told = describe_send(TracedSend("a" * 24), Masking())

    assert told.details == (
        "forgotten: what is left of a send goes after 30 days, or earlier where memory is short"
    )


def test_a_send_whose_text_has_gone_says_so_and_tells_all_else() -> None:
    began = {1: datetime(2026, 11, 22, 12, tzinfo=UTC)}
    sent = TracedSend(
        "a" * 24, "read", "greet", priority="reply", attempts=1, began=began, has_text=False
    )

    told = describe_send(sent, Masking(reveal=True))

    assert told.details == "its text is no longer kept, by rule greet, reply: read"
    assert [(line.what, line.details) for line in told.below] == [
        ("attempt 1", "its outcome is no longer kept")
    ]


def test_nothing_is_told_as_nothing_and_with_what_may_hide_it() -> None:
    lines = tell(Search(unopened=1, is_truncated=True))

    assert [one.details for one in lines] == [
        "not known here: never kept, or more than 8 days ago",
        "not all of it was looked through",
        "1 delivery cannot be opened here: is a key missing?",
    ]


def test_a_customer_is_told_from_their_last_word_to_what_waits() -> None:
    (line,) = tell(
        Search(
            conversations=(
                Conversation(NUMBER, Contact(ANA, last_inbound_at=NOW), (), {"bulk": 3}, (SENT,)),
            )
        )
    )

    assert [f"{one.what}: {one.details}" for one in line.below] == [
        "wrote last: ",
        "planned: nothing in the last 7 d",
        "bulk lane: 3 sends in it",
        f"send {'s' * 24}: text (5 characters), by rule welcome, reply: queued",
    ]


def test_a_customer_who_wants_no_marketing_is_said_so() -> None:
    contact = Contact(ANA, last_inbound_at=NOW, opted_out_at=NOW)
    (line,) = tell(Search(conversations=(Conversation(NUMBER, contact, (), {}, ()),)))

    assert line.below[1] == StoryLine("opted out", "of marketing", NOW, "odd")


@pytest.mark.parametrize(("hours", "is_told"), [(1, True), (0, False)])
def test_a_silence_is_told_until_it_is_over(hours: int, is_told: bool) -> None:
    contact = Contact(ANA, last_inbound_at=NOW, muted_until=NOW + timedelta(hours=hours))
    (line,) = tell(Search(conversations=(Conversation(NUMBER, contact, (), {}, ()),)))

    assert (line.below[1].what == "muted") is is_told


@pytest.mark.parametrize(("hours", "is_told"), [(1, True), (0, False)])
def test_a_hand_over_is_told_with_its_cause_until_it_is_over(hours: int, is_told: bool) -> None:
    hand_over = HandOver(NOW, NOW + timedelta(hours=hours), "rule person")
    contact = Contact(ANA, last_inbound_at=NOW, hand_over=hand_over)
    (line,) = tell(Search(conversations=(Conversation(NUMBER, contact, (), {}, ()),)))

    told = StoryLine(
        "handed over", "a person answers until 2026-11-22 13:00:00Z: rule person", NOW, "odd"
    )
    assert (line.below[1] == told) is is_told


def test_what_a_wish_changed_is_told_and_no_number_of_its_key() -> None:
    (line,) = tell(Search((Trace(NUMBER, WISH.key, record=WISH),)))

    assert line.what == "user_preferences"
    planned = line.below[1]
    assert [(one.what, one.details) for one in planned.below] == [("changed", "opted out: stop")]


def test_a_customer_who_never_wrote_is_said_so() -> None:
    (line,) = tell(
        Search(conversations=(Conversation(NUMBER, Contact(ANA), (), {"reply": 0}, ()),))
    )

    assert line.below[0] == StoryLine("wrote last", "never")


def test_what_rules_noted_of_a_customer_is_shown_and_values_are_masked() -> None:
    contact = Contact(ANA, tags=("vip", "wholesale"), vars={"size": "42"})
    found = Search(conversations=(Conversation(NUMBER, contact, (), {}, ()),))

    (masked,), (revealed,) = tell(found), tell(found, reveal=True)

    assert StoryLine("tags", "vip, wholesale") in masked.below
    assert StoryLine("variables", "size (2 characters)") in masked.below
    assert StoryLine("variables", 'size "42"') in revealed.below


def test_older_records_than_those_shown_are_mentioned() -> None:
    more = Conversation(NUMBER, Contact(ANA), (), {}, (), has_more=True)

    (line,) = tell(Search(conversations=(more,)))

    assert StoryLine("older", "there are more records: --limit shows up to 100") in line.below


def test_what_an_alert_said_is_shown_where_it_is_asked_for() -> None:
    record = replace(RECORD, alerts=(("welcome", "Ana waits."),))
    found = Search((Trace(NUMBER, KEY, KEPT, record=record),))

    (line,) = tell(found, reveal=True)

    assert StoryLine("alert", '"Ana waits.", by rule welcome') in line.below[1].below
    assert "Ana waits." not in str(tell(found))


def test_a_line_as_json_has_moments_with_their_zone() -> None:
    line = StoryLine("a", "b", datetime(2026, 1, 2, tzinfo=UTC), "odd").with_below(StoryLine("c"))

    assert line.to_dict() == {
        "at": "2026-01-02T00:00:00.000+00:00", "what": "a", "details": "b", "tone": "odd",
        "below": [{"at": None, "what": "c", "details": "", "tone": "", "below": []}],
    }  # fmt: skip


ORDER = {
    "catalog_id": "7", "text": "before noon",
    "product_items": [{"product_retailer_id": "cola", "quantity": 2}],
}  # fmt: skip


@pytest.mark.parametrize(
    ("reveal", "items", "note"),
    [(True, "2 x cola", "before noon"), (False, "(8 characters)", "(11 characters)")],
)
def test_what_meta_tells_of_an_event_is_shown_by_path(reveal: bool, items: str, note: str) -> None:
    kept = replace(KEPT, event=a_message(type="order", raw={"order": ORDER}))
    (line,) = tell(Search((Trace(NUMBER, KEY, kept, is_known=True),)), reveal=reveal)
    (data,) = (one for one in line.below if one.what == "data")

    shown = {one.what: one.details for one in data.below}

    assert (shown["order.items"], shown["order.text"]) == (items, note)
    assert shown["order.catalog_id"] == "7"


NOTIFIED = TracedNotification(
    "n" * 24, "waiting", {"text": "Ana waits.", "rule": "person"}, NOW,
    NOW + timedelta(seconds=30),
    (PostedAttempt(1, NOW, "HTTP 500"), PostedAttempt(2, NOW, "")), 2,
)  # fmt: skip


@pytest.mark.parametrize(
    ("notification", "head", "lines"),
    [
        pytest.param(
            NOTIFIED,
            "(10 characters), by rule person: waits to be received",
            [
                "attempt 1: HTTP 500",
                "attempt 2: under way, or its process died",
                "posted next: at 2026-11-22 12:00:30Z",
            ],
            id="it waits",
        ),
        pytest.param(
            replace(NOTIFIED, stage="delivered", next_at=None,
                    attempts=(PostedAttempt(25, NOW, "HTTP 204"),), count=25),
            "(10 characters), by rule person: received",
            ["attempts: 24 more before these", "attempt 25: HTTP 204"],
            id="it was received",
        ),
        pytest.param(
            replace(NOTIFIED, attempts=(), count=0),
            "(10 characters), by rule person: waits to be received",
            ["no attempt yet: worker-outgoing posts it once GATEWAY_NOTIFY_URL is set"],
            id="it was never posted",
        ),
        pytest.param(
            TracedNotification("n" * 24, "dead", {"event": "e", "rule": "person"}, NOW),
            "by rule person: given up",
            [],
            id="its text is gone",
        ),
        pytest.param(TracedNotification("n" * 24), FORGOTTEN, [], id="it is forgotten"),
    ],
)  # fmt: skip
def test_a_notification_is_told_with_its_attempts(
    notification: TracedNotification, head: str, lines: list[str]
) -> None:
    line = describe_notification(notification, Masking())

    assert line.details == head
    assert [f"{one.what}: {one.details}" for one in line.below] == lines


def test_the_story_of_an_event_has_its_notifications() -> None:
    told = below(Trace(NUMBER, KEY, KEPT, is_known=True, record=RECORD, notifications=(NOTIFIED,)))

    assert told[-1].startswith(f"notification {'n' * 24}: (10 characters)")


def test_a_send_whose_row_is_damaged_says_why() -> None:
    line = describe_send(TracedSend("s" * 24, damage="WRONGTYPE"), Masking())

    assert (line.details, line.tone) == ("its row is damaged: WRONGTYPE", "bad")
