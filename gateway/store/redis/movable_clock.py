"""Clients of a store whose clock can be moved: one that `gateway dev` made, and no other.

Everything asks the server for the time: scripts in their prelude, entries of streams by their
names, and code by TIME. These clients add what the store is ahead to all of them, so that nothing
else has to know of it, and a store in production pays nothing for it.
The key is read outside of what a script names, which one server allows and a cluster does not; so
only the address of one server may ask for such a clock.
"""

import hashlib
from functools import cache
from typing import Any

from gateway.store.keys import CLOCK
from gateway.store.lua.scripts import CLOCK_TEXT, script_names, sha, source
from gateway.store.redis.driver import AsyncClient, AsyncPipe, Client, Pipe

_AHEAD = f"(tonumber(redis.call('GET', '{CLOCK}')) or 0)"
_MOVED_CLOCK = f"""\
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000) + {_AHEAD}
"""
# Entries of streams are named by the time too; a name must not be before the last one.
_MOVED_ENTRIES = f"""\
local function moved_xadd(key, ...)
  local t, words = redis.call('TIME'), {{...}}
  local ms = t[1] * 1000 + math.floor(t[2] / 1000) + {_AHEAD}
  local last = redis.call('XREVRANGE', key, '+', '-', 'COUNT', 1)[1]
  if last then ms = math.max(ms, tonumber(last[1]:match('^%d+'))) end
  for i = 1, #words do
    if words[i] == '*' then
      words[i] = string.format('%d-*', ms)
      break
    end
  end
  return redis.call('XADD', key, unpack(words))
end
"""
# The answer is that of TIME: seconds, and microseconds.
_MOVED_TIME = f"""\
local t = redis.call('TIME')
local us = t[1] * 1000000 + t[2] + {_AHEAD} * 1000
return {{math.floor(us / 1000000), us % 1000000}}
"""


def _moved(command: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return a command that goes by the moved clock, or the command itself where none counts."""
    match command:
        case ("TIME",):
            return ("EVAL", _MOVED_TIME, 0)
        case ("EVAL", str(text), *rest):
            return ("EVAL", _move(text), *rest)
        case ("EVALSHA", str(known), *rest):
            return ("EVALSHA", _moved_hashes().get(known, known), *rest)
        case _:
            return command


def _move(text: str) -> str:
    """Return the text of a script that goes by the moved clock."""
    moved = text.replace(CLOCK_TEXT, _MOVED_CLOCK).replace("redis.call('XADD', ", "moved_xadd(")
    return _MOVED_ENTRIES + moved


@cache
def _moved_hashes() -> dict[str, str]:
    """Return the hash of each script by that which it has with the usual clock."""
    texts = {sha(name): _move(source(name)) for name in script_names()}
    return {
        known: hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
        for known, text in texts.items()
    }


class MovablePipe(Pipe):
    """Commands by the moved clock."""

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Collect a command."""
        parent: Any = super()
        return parent.execute_command(*_moved(args), **options)


class MovableClient(Client):
    """A client that goes by the moved clock."""

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Run a command."""
        parent: Any = super()
        return parent.execute_command(*_moved(args), **options)

    def pipeline(self, transaction: Any = True, shard_hint: Any = None) -> MovablePipe:
        """Collect commands."""
        return MovablePipe(self.connection_pool, self.response_callbacks, transaction, shard_hint)


class AsyncMovablePipe(AsyncPipe):
    """Commands by the moved clock, for an event loop."""

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Collect a command."""
        parent: Any = super()
        return parent.execute_command(*_moved(args), **options)


class AsyncMovableClient(AsyncClient):
    """A client that goes by the moved clock, for an event loop."""

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Run a command."""
        parent: Any = super()
        return await parent.execute_command(*_moved(args), **options)

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> AsyncMovablePipe:
        """Collect commands."""
        return AsyncMovablePipe(
            self.connection_pool, self.response_callbacks, transaction, shard_hint
        )
