"""What one refusal means beyond its send: for all numbers of an account, and for the customer.

The number itself is paused, or put to rest, with the outcome of its attempt. What is done here
besides is worth no attempt in hand: where the store is away, others learn by refusals of their own.
"""

import contextlib
from collections.abc import Iterable
from datetime import datetime, timedelta

import orjson
import structlog

from gateway.core.contacts import consent
from gateway.core.sending.error_codes import TOKEN_CODES, rule_of
from gateway.core.sending.outcome import Attempt
from gateway.core.sending.response import Later, Paused, Refused, Verdict
from gateway.core.sending.send import StatusUpdate
from gateway.core.sending.status_update import follow_up
from gateway.store import maintenance
from gateway.store.monitoring import alerts
from gateway.store.redis.client import ScriptError, StoreUnavailableError
from gateway.store.sending import pauses
from gateway.store.sending.lanes import Taken
from tasks.context import WorkerContext
from tasks.monitoring.alerts import refused
from tasks.wakeup import call_inbox

log = structlog.get_logger(__name__)

REFUSED_FOR_S = 600
AWAY = (StoreUnavailableError, ScriptError)


def heed(at_work: WorkerContext, number: str, taken: Taken) -> None:
    """Look for a new token before a probe; after a pause, let the other numbers look at once."""
    if taken.probes:
        at_work.renew_token()
    if taken.resumed:
        log.warning("number_resumed", number=number)
        with contextlib.suppress(*AWAY):
            pauses.look(at_work.store, _others(at_work, number), _of_all(taken.resumed))


def _of_all(why: str) -> int | None:
    """Return the code of a pause that is over, None where it was the number's alone."""
    code = orjson.loads(why).get("code")
    return None if code is None or rule_of(code, 400).scope == "number" else code


def mended(at_work: WorkerContext, judged: Verdict) -> bool:
    """Say whether a refused token was renewed meanwhile, where it is kept in a file."""
    refused = isinstance(judged, Paused) and judged.code in TOKEN_CODES
    return refused and at_work.renew_token()


def spread(
    at_work: WorkerContext,
    number: str,
    judged: Verdict,
    why: str,
    wait_ms: int,
    *,
    late: bool = False,
) -> None:
    """Let what reaches further than one number be known to the others; twice is once."""
    if not isinstance(judged, Later | Paused) or judged.scope not in ("account", "app"):
        return
    if isinstance(judged, Paused):
        log.error("account_paused", code=judged.code, number=number)
    with contextlib.suppress(*AWAY):
        others = _others(at_work, number)
        if isinstance(judged, Paused):
            pauses.pause(at_work.store, others, why, wait_ms, late=late)
        else:
            pauses.rest(at_work.store, others, wait_ms)


def spread_news(at_work: WorkerContext, number: str, news: Iterable[StatusUpdate]) -> None:
    """Do the same for failures that statuses told of; old news stops nobody who sends now."""
    for one in news:
        if one.refusal and one.late < timedelta(seconds=REFUSED_FOR_S):
            why = orjson.dumps(dict(one.error or {})).decode()
            spread(at_work, number, one.refusal, why, follow_up(one.refusal)[1], late=True)
            warn(at_work, number, one.refusal)


def note_opt_out(
    at_work: WorkerContext, number: str, attempt: Attempt, judged: Verdict, now: datetime
) -> None:
    """Let the customer's own no, which Meta told of, come back as an event of theirs."""
    if isinstance(judged, Refused) and judged.opted_out:
        told = consent.refused(number, attempt.contact.key, attempt.send, attempt.ordinal, now)
        with contextlib.suppress(*AWAY):
            at_work.inbox.put_back(told)
            at_work.ringing.submit(call_inbox, at_work.inbox)


def warn(at_work: WorkerContext, number: str, judged: Verdict) -> None:
    """Let a person know of a refusal that passes by itself and still asks for one.

    What pauses a number, or ends as a dead letter, is seen in the store without being said here.
    """
    if not isinstance(judged, Later) or judged.code is None:
        return
    rule = rule_of(judged.code, 400)
    if rule.alert:
        lasts = timedelta(seconds=max(REFUSED_FOR_S, 2 * (rule.wait_s or 0)))
        with contextlib.suppress(*AWAY):
            alerts.note(at_work.store, refused(judged.code, number), lasts)


def _others(at_work: WorkerContext, number: str) -> list[str]:
    return [one for one in maintenance.numbers_at_meta(at_work.store) if one != number]
