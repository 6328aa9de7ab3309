"""The story of one send: what it asks for, its attempts, its statuses, and where it waits; pure."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from gateway.cli.common.masking import Masking
from gateway.cli.common.output import StoryLine, Tone, clock, many, span
from gateway.core.sending.error_codes import rule_of
from gateway.core.sending.resend_policy import LATE
from gateway.core.sending.send import RUNGS
from gateway.store.sending.lookup import StatusEntry, TracedSend

FORGOTTEN = "forgotten: what is left of a send goes after 30 days, or earlier where memory is short"
TEXTLESS = "its text is no longer kept"
REDRIVEN = "redriven"
_TONES: Mapping[str, Tone] = {
    "accepted": "good", "sent": "good", "delivered": "good", "read": "good", "played": "good",
    "failed": "bad", "dead": "bad", "expired": "bad", "dropped": "bad",
    "unconfirmed": "odd", "later": "odd", "killed": "odd",
}  # fmt: skip


def of_send(sent: TracedSend, words: Masking) -> StoryLine:
    """Tell the story of a send."""
    if not sent.stage:
        return StoryLine(f"send {sent.id}", FORGOTTEN, tone="odd")
    cause = f"by rule {sent.rule}" if sent.rule else "by no rule"
    asked = words.request(sent.body) if sent.has_text else TEXTLESS
    told = f"{asked}, {cause}, {sent.rank}: {sent.stage}"
    head = StoryLine(f"send {sent.id}", told, sent.planned_at, _TONES.get(sent.stage, ""))
    told_of = (*_price(sent), *_members(sent, words))
    return head.then(*_tries(sent), *told_of, *_standing(sent))


def _tries(sent: TracedSend) -> Iterator[StoryLine]:
    """Tell attempt after attempt, each with what it became and the news until the next."""
    news = _by_attempt(sent)
    became = _became(sent)
    forgotten = 0
    for number in range(max([sent.attempts, *news]) + 1):
        if number in _remembered(sent):
            if forgotten:
                yield StoryLine("attempts", f"{many(forgotten, 'more', 'more')}, refused long ago")
            forgotten = 0
            yield _attempt(number, sent)
        elif number:
            forgotten += 1
        if number in became:
            yield StoryLine("message", became[number])
        yield from (_status(told, sent) for told in news.get(number, ()))


def _remembered(sent: TracedSend) -> set[int]:
    """Return the attempts that left something; the latest is always one of them."""
    left = {*sent.began, *sent.notes, sent.attempts}
    return {number for number in left if 0 < number <= sent.attempts}


def _by_attempt(sent: TracedSend) -> dict[int, list[StatusEntry]]:
    """Return the statuses behind which attempt each is told.

    Meta's moments are whole seconds, so none is told before the attempt that it is about.
    """
    found: dict[int, list[StatusEntry]] = {}
    for told in sent.statuses:
        own = int(told.attempt or 0)
        begun = [number for number, at in sent.began.items() if at <= told.at]
        found.setdefault(max([own, *begun]), []).append(told)
    return found


def _became(sent: TracedSend) -> dict[int, str]:
    """Return the messages by the attempt that became them, as far as it is known which."""
    if not sent.wamid:
        return dict(sent.messages)
    accepted = [n for n, note in sent.notes.items() if note.get("outcome") == "accepted"]
    latest = max([n for n in accepted if n not in sent.messages], default=sent.attempts)
    return {**sent.messages, latest: sent.wamid}


def _attempt(number: int, sent: TracedSend) -> StoryLine:
    at, note = sent.began.get(number), sent.notes.get(number)
    if note is None:
        under_way = number == sent.attempts and sent.stage == "attempting"
        told = "under way, or its process died" if under_way else "no outcome is known"
        if not sent.has_text:
            return StoryLine(f"attempt {number}", "its outcome is no longer kept", at)
        return StoryLine(f"attempt {number}", told, at, "odd")
    outcome = str(note.get("outcome", ""))
    return StoryLine(f"attempt {number}", _outcome(outcome, note), at, _TONES.get(outcome, ""))


def _outcome(outcome: str, note: Mapping[str, Any]) -> str:
    if outcome == "killed":
        return "its process died: nobody knows whether Meta had it"
    took_ms = note.get("ms")
    outcome = outcome if took_ms is None else f"{outcome} after {took_ms:,} ms"
    # Meta's usual word beside the id of a message says nothing more.
    held = note.get("message_status")
    more = [f"Meta says {held}"] if held and held != "accepted" else []
    if tries := note.get("gave_up_after"):
        more.append(f"given up after {many(tries, 'attempt')}")
    return ": ".join(filter(None, [outcome, "; ".join([*_reason(note), *more])]))


def _reason(note: Mapping[str, Any]) -> Iterator[str]:
    """Give Meta's code, what it advises, and what it said itself."""
    code = note.get("code")
    advice = str(note.get("reason") or "")
    if code is not None:
        advice = advice or rule_of(code, 400).advice
        yield f"code {code}: {advice.rstrip('.')}"
    elif advice:
        yield advice.rstrip(".")
    for name in ("title", "details"):
        if said := note.get(name):
            yield f"Meta says {said}"
    if trace := note.get("fbtrace_id"):
        yield f"fbtrace_id {trace}"
    for also in note.get("more") or ():
        yield f"also {'; '.join(_reason(also))}"


def _status(told: StatusEntry, sent: TracedSend) -> StoryLine:
    if told.stage == REDRIVEN:
        ended = sent.ended.get(int(told.attempt), {})
        said = [f"by a person, after attempt {told.attempt}", *_reason(ended)]
        return StoryLine(REDRIVEN, "; it had ended: ".join(said[:2]), told.at, "odd")
    said = list(_reason(_failure(told, sent))) if told.stage == "failed" else []
    if sent.attempts > 1 and told.attempt:
        said.append(f"of attempt {told.attempt}")
    if told.kept_at and told.kept_at - told.at > LATE:
        said.append(f"late: kept {span(told.kept_at - told.at)} after it")
    if not _obeyed(told, sent):
        said.append(f"noted, not obeyed: it was {sent.stage} already")
    return StoryLine(told.stage, "; ".join(said), told.at, _TONES.get(told.stage, ""))


def _failure(told: StatusEntry, sent: TracedSend) -> Mapping[str, Any]:
    """Return why a message failed, of which Meta told by a status."""
    attempt = told.attempt
    redriven = any(one.stage == REDRIVEN and one.attempt == attempt for one in sent.statuses)
    # What a person let begin again says itself what it had ended of.
    begun_again = {} if redriven else sent.ended.get(int(attempt or 0), {})
    return begun_again or (sent.error if sent.stage == "failed" else {})


def _price(sent: TracedSend) -> Iterator[StoryLine]:
    """Tell what Meta asks for the message, in Meta's words."""
    if not sent.pricing:
        return
    paid = {True: "billable", False: "not billable"}.get(sent.pricing.get("billable", ""), "")
    words = (sent.pricing.get(name) for name in ("category", "type", "pricing_model"))
    yield StoryLine("pricing", ", ".join(str(word) for word in (paid, *words) if word))


def _members(sent: TracedSend, words: Masking) -> Iterator[StoryLine]:
    """Tell how far a message got with a group, and with whom of them it failed."""
    stages = Counter(one.stage for one in sent.standing.members)
    if not stages:
        return
    told = ", ".join(f"{stage} {stages[stage]:,}" for stage in RUNGS if stages[stage])
    failed = [one for one in sent.standing.members if one.stage == "failed"]
    below = (
        StoryLine(words.person(one.name), "; ".join(_reason({"code": one.code})), one.at, "bad")
        for one in failed
    )
    yield StoryLine("participants", told, tone="odd" if failed else "").then(*below)


def _obeyed(told: StatusEntry, sent: TracedSend) -> bool:
    """Say whether a status could move the send: the ladder has one way, and an end."""
    begun_again = [one.attempt for one in sent.statuses if one.stage == REDRIVEN]
    if told.attempt and any(int(told.attempt) <= int(attempt) for attempt in begun_again):
        return True  # What it was before it began again is not noted.
    if told.stage == "failed":
        return sent.stage == "failed" or int(told.attempt or 0) in sent.ended
    return RUNGS.get(told.stage, 0) <= RUNGS.get(sent.stage, -1)


def _waiting(sent: TracedSend) -> Iterator[StoryLine]:
    """Tell where a send waits, and what keeps its number from sending."""
    where = sent.standing
    if where.ahead is not None:
        before = f"{many(where.ahead, 'send')} before it" if where.ahead else "it is next"
        until = f", not before {clock(where.lane_at)}" if where.lane_at else ""
        yield StoryLine("in its lane", before + until, tone="odd")
        for told in where.stops.sentences():
            yield StoryLine("its number", told, tone="bad")
    if where.parked_till:
        yield StoryLine(
            "parked", f"until its customer writes, or {clock(where.parked_till)}", tone="odd"
        )
    if where.is_held:
        yield StoryLine("held", f"a person holds rule {sent.rule}", tone="odd")


def _standing(sent: TracedSend) -> Iterator[StoryLine]:
    where = sent.standing
    yield from _waiting(sent) if not sent.is_final else ()
    if where.due_at:
        yield StoryLine("waits", "until its moment comes", where.due_at, "odd")
    if where.unconfirmed_till:
        till = clock(where.unconfirmed_till)
        told = f"nobody knows whether Meta had it; evidence may come until {till}"
        yield StoryLine("unconfirmed", told, tone="odd")
    if where.dead_at:
        # What a status told of the failure stands beside the status.
        told = "Meta took it, and could not deliver it" if sent.stage == "failed" else ""
        yield StoryLine("dead letter", told or "; ".join(_reason(sent.error)), where.dead_at, "bad")
    elif sent.is_final and sent.stage != "failed":
        yield StoryLine("ended", "; ".join(_reason(sent.error)), tone="bad")
