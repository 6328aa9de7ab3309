"""What one refusal means for all numbers of its account, and what its end does."""

from collections.abc import Iterable

import orjson
import structlog

from gateway.core.codes import TOKEN_CODES
from gateway.core.news import after
from gateway.core.sends import News
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


def spread(at_work: Worker, number: str, judged: Verdict, why: str, wait_ms: int) -> None:
    """Let what reaches further than one number be known to the others of its account.

    The number itself is paused, or put to rest, with the outcome. Twice is once.
    """
    if not isinstance(judged, Later | Paused) or judged.scope not in ("account", "app"):
        return
    others = [one for one in upkeep.numbers(at_work.store) if one != number]
    if isinstance(judged, Paused):
        stops.pause(at_work.store, others, why, wait_ms)
        log.error("account_paused", code=judged.code, number=number)
    else:
        stops.rest(at_work.store, others, wait_ms)


def spread_news(at_work: Worker, number: str, news: Iterable[News]) -> None:
    """Do the same for failures that statuses told of."""
    for one in news:
        if one.refusal:
            why = orjson.dumps(dict(one.error or {})).decode()
            spread(at_work, number, one.refusal, why, after(one.refusal)[1])
