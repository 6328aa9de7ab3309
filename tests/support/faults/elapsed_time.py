"""Time that tests let pass without waiting for it, by what the store knows of moments."""

from typing import Any

from gateway.core.sending.resend_policy import CONFIRM_WAIT
from gateway.core.sending.send import PRIORITIES
from gateway.store import keys
from tests.support.factories import NUMBER
from tests.support.faults.ledger import PREFIX


def end_partition_leases(client: Any, ago_s: int = 0) -> None:
    """Let the 5 seconds be over for which workers hold their partitions, and so many more."""
    for index in range(keys.PARTITIONS):
        if client.exists(f"{keys.partition(index)}cursor"):
            seconds, _ = client.time()
            client.hset(f"{keys.partition(index)}cursor", "till", (seconds - ago_s) * 1_000 - 1)


def end_lane_waits(client: Any) -> None:
    """Let the 30 seconds be over for which senders hold their lanes, and every pause of a lane."""
    for rank, lane in _waiting_lanes(client):
        client.zadd(f"{PREFIX}ready:{rank}", {lane: 1}, xx=True)


def end_outgoing_leases(client: Any) -> None:
    """Let the time be over for which a worker holds calls and forwards, and their wake-ups too."""
    for due in client.scan_iter(f"{PREFIX}calls_due:*", 1000):
        for call in client.zrange(due, 0, -1):
            client.zadd(due, {call: 1}, xx=True)
    for receiver in client.zrange(f"{PREFIX}forwards", 0, -1):
        ready = f"{PREFIX}forwards:{receiver.decode()}:ready"
        for lane in client.zrange(ready, 0, -1):
            client.zadd(ready, {lane: 1}, xx=True)
            client.zadd(f"{PREFIX}forwards", {receiver: 1})
    end_outgoing_bells(client)


def end_outgoing_bells(client: Any) -> None:
    """Let the minute be over for which a lost wake-up for calls and forwards counts as on its way.

    The next tick rings again.
    """
    services = client.smembers(f"{PREFIX}services")
    for kind in ("forwards", *(f"call:{one.decode()}" for one in services)):
        client.delete(keys.number_bell(NUMBER, kind))


def end_pair_waits(client: Any) -> None:
    """Let the time be over for which Meta wants nothing more sent to the same customer."""
    for pair in client.scan_iter(f"{PREFIX}pair:*"):
        client.delete(pair)


def end_silences(client: Any) -> None:
    """Let the 10 seconds be over for which a lane is silent after a send in doubt."""
    for rank, lane in _waiting_lanes(client):
        for head in client.zrange(f"{PREFIX}lane:{rank}:{lane}", 0, 0):
            if client.hget(f"{PREFIX}send:{head.decode()}", "stage") == b"unconfirmed":
                client.zadd(f"{PREFIX}ready:{rank}", {lane: 1}, xx=True)


def _waiting_lanes(client: Any) -> list[tuple[str, str]]:
    """Return the priority and the contact of each lane that waits."""
    return [
        (rank, lane.decode())
        for rank in PRIORITIES
        for lane in client.zrange(f"{PREFIX}ready:{rank}", 0, -1)
    ]


def end_confirm_waits(client: Any) -> None:
    """Let the 2 minutes be over for which nothing is done about a send in doubt."""
    for send in client.zrange(f"{PREFIX}unconfirmed", 0, -1):
        row = f"{PREFIX}send:{send.decode()}"
        before = int(client.hget(row, "doubted")) - int(CONFIRM_WAIT.total_seconds() * 1000)
        client.hset(row, "doubted", before)
