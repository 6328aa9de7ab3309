"""What one refusal means for all numbers of its account, and what its end does."""

import structlog

from gateway.core.codes import TOKEN_CODES
from gateway.core.outcome import Outcome
from gateway.core.verdict import Later, Paused, Verdict
from gateway.store import stops, upkeep
from gateway.store.lanes import Taken
from tasks.worker import Worker

log = structlog.get_logger(__name__)


def heed(at_work: Worker, number: str, taken: Taken) -> None:
    """Look for a new token before a probe; after a pause, let the other numbers look at once."""
    if taken.probes:
        at_work.renew_token()
    if taken.resumed:
        log.warning("number_resumed", number=number)
        stops.look(at_work.store, [one for one in upkeep.numbers(at_work.store) if one != number])


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
    others = [one for one in upkeep.numbers(at_work.store) if one != number]
    if isinstance(judged, Paused):
        stops.pause(at_work.store, others, came.error, came.wait_ms)
        log.error("account_paused", code=judged.code, number=number)
    else:
        stops.rest(at_work.store, others, came.wait_ms)
