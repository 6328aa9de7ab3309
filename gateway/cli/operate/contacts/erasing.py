"""Erasure of a customer from the shell: as far as it goes now, and what is left to the workers."""

import time
from collections.abc import Iterator, Sequence

from gateway.cli.common import errors
from gateway.config.settings import Settings
from gateway.core.contacts.erasure import KINDS, WAITING, Erasure
from gateway.core.formats import pluralize
from gateway.store.body_codec import Bodies
from gateway.store.erasure.eraser import Eraser
from gateway.store.erasure.open_erasures import TooManyErasuresError, find_erasure
from gateway.store.redis.client import ScriptError, Store
from gateway.web.api.contacts.erasure_view import OUT_OF_REACH

SLICE_S = 5.0
LOOK_EVERY_S = 0.2  # while another process works on erasures


def erase_now(
    store: Store, settings: Settings, name: str, numbers: Sequence[str] | None
) -> Erasure:
    """Erase a customer until it is done, or has to wait; end the command if it cannot begin."""
    eraser = Eraser(store, Bodies(settings.encryption_keys), settings.gateway_retention)
    try:
        erasure = eraser.begin(name, numbers)
        while erasure.finished_at is None and erasure.stage != WAITING:
            before = erasure
            eraser.run(SLICE_S, only=erasure.id)
            erasure = find_erasure(store, erasure.id) or erasure
            if erasure == before:
                time.sleep(LOOK_EVERY_S)
    except TooManyErasuresError:
        raise errors.fail("As many erasures are open as may be: repeat it later.") from None
    except ScriptError as error:
        raise errors.fail(
            f"Something that is stored is damaged ({error}). The workers go on with all else; "
            "mend it, and the erasure ends by itself."
        ) from None
    return erasure


def erasure_lines(erasure: Erasure) -> Iterator[str]:
    """Yield what was erased, what is left to be, and what no process of ours can reach."""
    counts = [f"{kind.replace('_', ' ')} {erasure.erased.get(kind, 0):,}" for kind in KINDS]
    yield f"Erased: {', '.join(counts)}."
    if erasure.finished_at is None:
        deliveries = pluralize(erasure.deliveries, "delivery", "deliveries")
        yield (
            f"Not done yet: {deliveries} and {pluralize(erasure.messages, 'message')} wait, and "
            f"{pluralize(erasure.audiences, 'audience')} of campaigns were being read. The "
            "workers erase them by themselves; the same command says how far that is."
        )
    if erasure.unopened:
        bodies = pluralize(erasure.unopened, "body", "bodies")
        yield f"{bodies} could not be opened with these keys."
    yield "Out of reach:"
    yield from (f"  {one}" for one in OUT_OF_REACH)
