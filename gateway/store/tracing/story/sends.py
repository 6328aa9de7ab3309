"""Story of one send: its request, its attempts, its statuses, and where it waits; pure."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from gateway.core.formats import format_duration, format_time, pluralize
from gateway.core.sending.error_codes import error_policy
from gateway.core.sending.resend_policy import LATE
from gateway.core.sending.send import STATUS_RANK
from gateway.store.sending.lookup import (
    StatusEntry,
    TracedSend,
    messages_by_attempt,
    remembered_attempts,
)
from gateway.store.tracing.masking import Masking
from gateway.store.tracing.story.story_line import StoryLine, Tone

FORGOTTEN = "forgotten: what is left of a send goes after 30 days, or earlier where memory is short"
TEXTLESS = "its text is no longer kept"
REDRIVEN = "redriven"
_TONES: Mapping[str, Tone] = {
    "accepted": "good", "sent": "good", "delivered": "good", "read": "good", "played": "good",
    "failed": "bad", "dead": "bad", "expired": "bad", "dropped": "bad",
    "unconfirmed": "odd", "later": "odd", "killed": "odd",
}  # fmt: skip


def describe_send(send: TracedSend, masking: Masking) -> StoryLine:
    """Return the story of a send."""
    if send.damage:
        return StoryLine(f"send {send.id}", f"its row is damaged: {send.damage}", tone="bad")
    if not send.stage:
        return StoryLine(f"send {send.id}", FORGOTTEN, tone="odd")
    cause = f"by rule {send.rule}" if send.rule else "by no rule"
    if send.is_requested:
        cause = "by a client of the API"
    request = masking.request(send.body) if send.has_text else TEXTLESS
    details = f"{request}, {cause}, {send.priority}: {send.stage}"
    head = StoryLine(f"send {send.id}", details, send.planned_at, _TONES.get(send.stage, ""))
    more = (*_wait_line(send), *_price_line(send), *_member_lines(send, masking))
    return head.with_below(*_attempt_lines(send), *more, *_standing_lines(send))


def _attempt_lines(send: TracedSend) -> Iterator[StoryLine]:
    """Yield each attempt with its outcome and the statuses until the next."""
    statuses = _statuses_by_attempt(send)
    messages = messages_by_attempt(send)
    forgotten = 0
    for ordinal in range(max([send.attempts, *statuses]) + 1):
        if ordinal in remembered_attempts(send):
            if forgotten:
                yield StoryLine(
                    "attempts", f"{pluralize(forgotten, 'more', 'more')}, refused long ago"
                )
            forgotten = 0
            yield _attempt_line(ordinal, send)
        elif ordinal:
            forgotten += 1
        if ordinal in messages:
            yield StoryLine("message", messages[ordinal])
        yield from (_status_line(status, send) for status in statuses.get(ordinal, ()))


def _statuses_by_attempt(send: TracedSend) -> dict[int, list[StatusEntry]]:
    """Return the statuses by the attempt after which each is shown.

    Meta's timestamps are whole seconds, so none is shown before the attempt that it is about.
    """
    by_attempt: dict[int, list[StatusEntry]] = {}
    for status in send.statuses:
        own = int(status.attempt or 0)
        begun = [ordinal for ordinal, at in send.began.items() if at <= status.at]
        by_attempt.setdefault(max([own, *begun]), []).append(status)
    return by_attempt


def _attempt_line(ordinal: int, send: TracedSend) -> StoryLine:
    at, note = send.began.get(ordinal), send.notes.get(ordinal)
    if note is None:
        under_way = ordinal == send.attempts and send.stage == "attempting"
        details = "under way, or its process died" if under_way else "no outcome is known"
        if not send.has_text:
            return StoryLine(f"attempt {ordinal}", "its outcome is no longer kept", at)
        return StoryLine(f"attempt {ordinal}", details, at, "odd")
    outcome = str(note.get("outcome", ""))
    return StoryLine(
        f"attempt {ordinal}", _format_outcome(outcome, note), at, _TONES.get(outcome, "")
    )


def _format_outcome(outcome: str, note: Mapping[str, Any]) -> str:
    if outcome == "killed":
        return "its process died: nobody knows whether Meta had it"
    took_ms = note.get("ms")
    outcome = outcome if took_ms is None else f"{outcome} after {took_ms:,} ms"
    # The usual message_status beside a message's id adds nothing.
    message_status = note.get("message_status")
    more = (
        [f"Meta says {message_status}"] if message_status and message_status != "accepted" else []
    )
    if note.get("other_form"):
        more.append("to the other form of the number")
    if tries := note.get("gave_up_after"):
        more.append(f"given up after {pluralize(tries, 'attempt')}")
    return ": ".join(filter(None, [outcome, "; ".join([*_reason_parts(note), *more])]))


def _reason_parts(note: Mapping[str, Any]) -> Iterator[str]:
    """Yield Meta's code, our advice for it, and Meta's own message."""
    code = note.get("code")
    advice = str(note.get("reason") or "")
    if code is not None:
        advice = advice or error_policy(code, 400).advice
        yield f"code {code}: {advice.rstrip('.')}"
    elif advice:
        yield advice.rstrip(".")
    for name in ("title", "details"):
        if text := note.get(name):
            yield f"Meta says {text}"
    if trace := note.get("fbtrace_id"):
        yield f"fbtrace_id {trace}"
    for also in note.get("more") or ():
        yield f"also {'; '.join(_reason_parts(also))}"


def _status_line(status: StatusEntry, send: TracedSend) -> StoryLine:
    if status.stage == REDRIVEN:
        ended = send.ended.get(int(status.attempt), {})
        details = [f"by a person, after attempt {status.attempt}", *_reason_parts(ended)]
        return StoryLine(REDRIVEN, "; it had ended: ".join(details[:2]), status.at, "odd")
    details = list(_reason_parts(_failure_of(status, send))) if status.stage == "failed" else []
    if send.attempts > 1 and status.attempt:
        details.append(f"of attempt {status.attempt}")
    if status.kept_at and status.kept_at - status.at > LATE:
        details.append(f"late: kept {format_duration(status.kept_at - status.at)} after it")
    if not _is_applied(status, send):
        details.append(f"noted, not obeyed: it was {send.stage} already")
    return StoryLine(status.stage, "; ".join(details), status.at, _TONES.get(status.stage, ""))


def _failure_of(status: StatusEntry, send: TracedSend) -> Mapping[str, Any]:
    """Return why a message failed, as a status of Meta reported."""
    attempt = status.attempt
    redriven = any(one.stage == REDRIVEN and one.attempt == attempt for one in send.statuses)
    # A redriven send shows in its own status line why it had ended.
    begun_again = {} if redriven else send.ended.get(int(attempt or 0), {})
    return begun_again or (send.error if send.stage == "failed" else {})


def _wait_line(send: TracedSend) -> Iterator[StoryLine]:
    """Describe how long the sends behind it waited until Meta told what became of it."""
    if wait := send.delivery_wait:
        till = f"wait for delivered, until {format_time(wait.until)} at most"
        if wait.ended_at:
            waited_ms = (wait.ended_at - wait.began_at) // timedelta(milliseconds=1)
            till = f"waited for delivered {waited_ms:,} ms"
        yield StoryLine("next sends", till, wait.began_at)


def _price_line(send: TracedSend) -> Iterator[StoryLine]:
    """Describe Meta's price for the message, in Meta's words."""
    if not send.pricing:
        return
    paid = {True: "billable", False: "not billable"}.get(send.pricing.get("billable", ""), "")
    words = (send.pricing.get(name) for name in ("category", "type", "pricing_model"))
    yield StoryLine("pricing", ", ".join(str(word) for word in (paid, *words) if word))


def _member_lines(send: TracedSend, masking: Masking) -> Iterator[StoryLine]:
    """Describe how far a message got with a group, and with which members it failed."""
    stages = Counter(one.stage for one in send.state.members)
    if not stages:
        return
    counts = ", ".join(f"{stage} {stages[stage]:,}" for stage in STATUS_RANK if stages[stage])
    failed = [one for one in send.state.members if one.stage == "failed"]
    below = (
        StoryLine(
            masking.person(one.name), "; ".join(_reason_parts({"code": one.code})), one.at, "bad"
        )
        for one in failed
    )
    yield StoryLine("participants", counts, tone="odd" if failed else "").with_below(*below)


def _is_applied(status: StatusEntry, send: TracedSend) -> bool:
    """Return whether a status could move the send: stages only rise, and end."""
    begun_again = [one.attempt for one in send.statuses if one.stage == REDRIVEN]
    if status.attempt and any(int(status.attempt) <= int(attempt) for attempt in begun_again):
        return True  # the stage before a redrive is not recorded
    if status.stage == "failed":
        return send.stage == "failed" or int(status.attempt or 0) in send.ended
    return STATUS_RANK.get(status.stage, 0) <= STATUS_RANK.get(send.stage, -1)


def _waiting_lines(send: TracedSend) -> Iterator[StoryLine]:
    """Describe where a send waits, and what keeps its number from sending."""
    standing = send.state
    if standing.sends_ahead is not None:
        before = (
            f"{pluralize(standing.sends_ahead, 'send')} before it"
            if standing.sends_ahead
            else "it is next"
        )
        until = f", not before {format_time(standing.lane_at)}" if standing.lane_at else ""
        yield StoryLine("in its lane", before + until, tone="odd")
        for reason in standing.pauses.sentences():
            yield StoryLine("its number", reason, tone="bad")
    if standing.parked_till:
        cause = f"Meta sends {send.parked_for} again" if send.parked_for else "its customer writes"
        yield StoryLine(
            "parked",
            f"until {cause}, or {format_time(standing.parked_till)}",
            tone="odd",
        )
    if standing.is_held:
        yield StoryLine("held", f"a person holds rule {send.rule}", tone="odd")


def _standing_lines(send: TracedSend) -> Iterator[StoryLine]:
    standing = send.state
    yield from _waiting_lines(send) if not send.is_final else ()
    if standing.due_at:
        yield StoryLine("waits", "until its moment comes", standing.due_at, "odd")
    if standing.unconfirmed_till:
        till = format_time(standing.unconfirmed_till)
        details = f"nobody knows whether Meta had it; evidence may come until {till}"
        yield StoryLine("unconfirmed", details, tone="odd")
    if standing.dead_at:
        # A failure reported by a status is shown beside the status.
        details = "Meta took it, and could not deliver it" if send.stage == "failed" else ""
        yield StoryLine(
            "dead letter", details or "; ".join(_reason_parts(send.error)), standing.dead_at, "bad"
        )
    elif send.is_final and send.stage != "failed":
        yield StoryLine("ended", "; ".join(_reason_parts(send.error)), tone="bad")
