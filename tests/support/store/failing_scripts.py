"""Scripts whose writes are made to fail in turn, as a bug or a wrong type would."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from redis.exceptions import ResponseError

from gateway.store.lua.scripts import source
from gateway.store.redis.client import Call, Store
from tests.support.store.raw import now_ms, raw

READS = (
    "TIME", "GET", "GETRANGE", "EXISTS", "HGET", "HGETALL", "HMGET", "HEXISTS", "LINDEX", "LRANGE",
    "PTTL", "SMEMBERS", "XRANGE", "HLEN", "SCARD", "SRANDMEMBER", "XLEN", "ZCARD", "ZCOUNT",
    "ZRANGE", "ZRANGEBYSCORE", "ZREVRANGE", "ZSCORE",
)  # fmt: skip
# What is counted may miss one when a script breaks, tokens may be kept, and a record or a send
# may be listed twice; what is stored may not.
UNTOLD_KEYS = re.compile(
    rb"}:(count|tokens|places|recorded|listed|terms.*|known:\d+|take:.*|pair:.*)$"
)
# These differ from one run to the next by design. What is left to redo changes nothing.
UNTOLD_FIELDS = {b"version", b"planned", b"first", b"attempting_at", b"expires", b"redo", b"call"}
UNTOLD_FIELDS |= {
    b"ended_at",
    b"doubted",
    b"seen",
    b"paused_at",
    b"probe_at",
    b"resumed_at",
    b"probes",
    b"first_at",
    b"took",
    b"trial",
    b"rest_began",
    b"rest_until",
    b"rest_ended",
}

# No moment that is reckoned from now lies so far ahead: a client gave it, and it stays as it is.
GIVEN_MS = 5_000_000_000_000

# Within a contact's state, the moment at which a reply was planned.
REPLIED_AT = re.compile(rb'("volley":\[)\d+')


@dataclass(frozen=True)
class Dump:
    """All that was stored at one moment."""

    at_ms: int
    keys: dict[bytes, tuple[bytes, int]]  # key -> value and milliseconds to live, 0 for ever


def dump(store: Store) -> Dump:
    """Return all that is stored, to begin again from there."""
    found = raw(store).keys("*")
    kept = {key: (raw(store).dump(key), max(0, raw(store).pttl(key))) for key in found}
    return Dump(now_ms(store), kept)


def restore(store: Store, dumped: Dump) -> None:
    """Begin again, as if the moments at which lanes may be worked had moved with the time."""
    raw(store).flushall()
    passed_ms = now_ms(store) - dumped.at_ms
    for key, (value, lifetime_ms) in dumped.keys.items():
        raw(store).restore(key, lifetime_ms, value)
        if _holds_moments(key):
            for member, score in raw(store).zrange(key, 0, -1, withscores=True):
                if score < GIVEN_MS:
                    raw(store).zincrby(key, passed_ms, member)
        if b"}:send:" in key:
            _delay_send(store, key, passed_ms)


def _delay_send(store: Store, key: bytes, passed_ms: int) -> None:
    """Delay the moments of a send from which those of its lane are reckoned."""
    for name in ("attempting_at", "rest_until"):
        if raw(store).hexists(key, name):
            raw(store).hincrby(key, name, passed_ms)


def _holds_moments(key: bytes) -> bool:
    return b"}:ready:" in key or key.endswith(b"}:due")


def each_write(store: Store, call: Call) -> Iterator[int]:
    """Yield once for each write of `call`, which has just failed there; all else is as before."""
    begin = dump(store)
    at = 1
    while _fails(store, call, at):
        yield at
        restore(store, begin)
        at += 1
    assert at > 1, "the script never wrote"


def _fails(store: Store, call: Call, at: int) -> bool:
    try:
        raw(store).eval(broken(call.script, at), 1, call.prefix, *call.args)
    except ResponseError as error:
        if "made to fail" not in str(error):
            raise
        return True
    return False


def broken(script: str, at: int) -> str:
    """Return a script whose write number `at` raises."""
    reading = ", ".join(f"{name}=1" for name in READS)
    return f"""
local writes, real, reading = 0, redis, {{{reading}}}
local redis = {{error_reply = real.error_reply, sha1hex = real.sha1hex, call = function(name, ...)
  if not reading[name] then
    writes = writes + 1
    if writes == {at} then error('made to fail') end
  end
  return real.call(name, ...)
end}}
{source(script)}"""


def everything(store: Store) -> dict[bytes, object]:
    """Return all that is stored and can be compared: what, in which order, and whether for ever."""
    found: dict[bytes, object] = {}
    for key in raw(store).keys("*"):
        if not UNTOLD_KEYS.search(key):
            # A bucket of known events may get its lifetime only with the next event in it.
            forever = raw(store).pttl(key) < 0 and b"}:known:" not in key
            found[key] = (_content(store, key), forever)
    return found


def _content(store: Store, key: bytes) -> object:
    match raw(store).type(key):
        case b"hash":
            fields = raw(store).hgetall(key)
            untold = {name for name in fields if name.startswith(b"began:")} | UNTOLD_FIELDS
            kept = {name: value for name, value in fields.items() if name not in untold}
            if b"volley" in kept.get(b"state", b""):
                kept[b"state"] = REPLIED_AT.sub(rb"\1", kept[b"state"])
            if b"}:unreachable:" in key:
                kept = dict.fromkeys(kept, b"a moment")
            # Before the reason stands the moment.
            noted = {name: value.partition(b" ")[2] for name, value in kept.items()}
            return noted if key.endswith(b"}:aside:why") else kept
        case b"zset" if _holds_moments(key):
            now = now_ms(store)
            scores = raw(store).zrange(key, 0, -1, withscores=True)
            # Moments are told apart by tens of seconds, and up to seven may pass meanwhile.
            return {
                member: int(score if score >= GIVEN_MS else (score - now) / 10_000 + 0.7)
                for member, score in scores
            }
        case b"zset":
            return raw(store).zrange(key, 0, -1)
        case b"set" | b"list" as kind:
            return raw(store).smembers(key) if kind == b"set" else raw(store).lrange(key, 0, -1)
        case b"stream":
            return [fields for _, fields in raw(store).xrange(key)]
        case _:
            return re.sub(rb'"planned":\d+', b"", raw(store).get(key))
