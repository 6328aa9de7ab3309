"""What one refusal means for all numbers of its account, and what its end does."""

import contextlib
from datetime import timedelta

import structlog

from gateway.core.codes import TOKEN_CODES, rule_of
from gateway.core.outcome import Outcome
from gateway.core.verdict import Later, Paused, Verdict
from gateway.store import alerts, stops, upkeep
from gateway.store.client import ScriptError, StoreUnavailableError
from gateway.store.lanes import Taken
from tasks.noted import refused
from tasks.worker import Worker

log = structlog.get_logger(__name__)

REFUSED_FOR_S = 600


def heed(at_work: Worker, number: str, taken: Taken) -> None:
    """Look for a new token before a probe; after a pause, let the other numbers look at once."""
    if taken.probes:
        at_work.renew_token()
    if taken.resumed:
        log.warning("number_resumed", number=number)
        stops.look(at_work.store, _others(at_work, number))


def mended(at_work: Worker, judged: Verdict) -> bool:
    """Say whether a refused token was renewed meanwhile, where it is kept in a file."""
    refused = isinstance(judged, Paused) and judged.code in TOKEN_CODES
    return refused and at_work.renew_token()


def spread(at_work: Worker, number: str, judged: Verdict, came: Outcome) -> None:
    """Let what reaches further than one number be known to the others of its account.

    The number itself is paused, or put to rest, with the outcome. Twice is once.
    """
    if not isinstance(judged, Later | Paused) or judged.scope not in ("account", "app"):
        return
    others = _others(at_work, number)
    if isinstance(judged, Paused):
        stops.pause(at_work.store, others, came.error, came.wait_ms)
        log.error("account_paused", code=judged.code, number=number)
    else:
        stops.rest(at_work.store, others, came.wait_ms)


def warn(at_work: Worker, number: str, judged: Verdict) -> None:
    """Let a person know of a refusal that passes by itself and still asks for one.

    What pauses a number, or ends as a dead letter, is seen in the store without being said here.
    """
    if not isinstance(judged, Later) or judged.code is None:
        return
    rule = rule_of(judged.code, 400)
    if rule.alert:
        lasts = timedelta(seconds=max(REFUSED_FOR_S, 2 * (rule.wait_s or 0)))
        with contextlib.suppress(StoreUnavailableError, ScriptError):  # it is said again
            alerts.note(at_work.store, refused(judged.code, number), lasts)


def _others(at_work: Worker, number: str) -> list[str]:
    return [one for one in upkeep.numbers_at_meta(at_work.store) if one != number]
