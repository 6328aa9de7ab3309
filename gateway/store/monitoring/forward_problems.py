"""Problems of receivers of forwards: one is down, or what waits for it is soon given up; pure."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from gateway.core.alerts import HealthProblem
from gateway.core.forwards.forward import ALERT_FROM, LASTS, MOST_OF_STORE
from gateway.core.storage.timestamps import ms_from_datetime
from gateway.store.outgoing.receiver_states import ReceiverState

MOST_DOWN_MS = 300_000
_LASTS_MS = LASTS.total_seconds() * 1000
_Key = tuple[str, str]  # an account and a receiver


def find_forward_problems(
    receivers: Sequence[ReceiverState],
    now_ms: int,
    limit_bytes: int,
    accounts_by_number: Mapping[str, str],
) -> Iterator[HealthProblem]:
    """Find receivers that take nothing, and those whose oldest forwards are soon dead letters.

    All numbers of an account share the room of a receiver; the one that takes most is named.
    """
    totals, largest = Counter[_Key](), dict[_Key, ReceiverState]()
    for one in receivers:
        key = accounts_by_number.get(one.number, ""), one.receiver
        totals[key] += one.size
        largest[key] = max(largest.get(key, one), one, key=lambda state: state.size)
    crowded = [one for key, one in largest.items() if _is_crowded(totals[key], limit_bytes)]
    for one in receivers:
        if one.is_down and one.down_since:
            down_ms = now_ms - ms_from_datetime(one.down_since)
            if down_ms > MOST_DOWN_MS:
                yield _down(one, down_ms)
        if one in crowded or _is_old(one, now_ms):
            key = accounts_by_number.get(one.number, ""), one.receiver
            yield _near_bound(one, totals[key])


def _down(receiver: ReceiverState, down_ms: int) -> HealthProblem:
    return HealthProblem(
        "forward_down",
        f"The application {receiver.receiver} takes no events.",
        "See its answers in forward_posted in the logs of worker-outgoing; what it gets waits for "
        "three days, in order.",
        number=receiver.number,
        detail=receiver.receiver,
        observed=f"for {down_ms // 60_000} min, {receiver.waiting:,} wait",
        severity="warning",
    )


def _near_bound(receiver: ReceiverState, total: int) -> HealthProblem:
    return HealthProblem(
        "forwards_near_bound",
        f"Events for {receiver.receiver} soon become dead letters, the oldest first.",
        "Let it take them, or gateway forwards resume it: a forward waits for three days at most, "
        "and those of one receiver take a tenth of the store.",
        number=receiver.number,
        detail=receiver.receiver,
        observed=f"{receiver.waiting:,} wait; of all numbers {total // (1 << 20):,} MB",
    )


def _is_crowded(size: int, limit_bytes: int) -> bool:
    return size > ALERT_FROM * MOST_OF_STORE * limit_bytes > 0


def _is_old(receiver: ReceiverState, now_ms: int) -> bool:
    oldest = receiver.oldest_at
    return oldest is not None and now_ms - ms_from_datetime(oldest) > ALERT_FROM * _LASTS_MS
