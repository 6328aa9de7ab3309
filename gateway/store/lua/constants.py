"""Constants that scripts and code share: defined in Python, and passed to the scripts."""

from collections.abc import Mapping

from gateway.core.sending.compact_record import HAS_WAMID, IS_BULK, IS_FINAL
from gateway.core.sending.dead_letter_rows import ATTEMPTS_KEPT
from gateway.core.sending.outcome import PROBE_AFTER_MS
from gateway.core.sending.retry import MAX_ATTEMPTS
from gateway.core.sending.send import ANSWERS_A_STATUS, STATUS_RANK
from gateway.store import keys

# The holder of a partition touches at most this many of its events before it passes them.
MOST_TOUCHED = 256

Constant = int | str | Mapping[str, int]
# By the name that scripts use after `C.`.
CONSTANTS: Mapping[str, Constant] = {
    "DAY_MS": keys.DAY_MS,
    "MONTH_MS": keys.MONTH_MS,
    "MAX_ATTEMPTS": MAX_ATTEMPTS,
    "ATTEMPTS_KEPT": ATTEMPTS_KEPT,
    "PROBE_AFTER_MS": PROBE_AFTER_MS,
    "MOST_TOUCHED": MOST_TOUCHED,
    "ANSWERS_A_STATUS": ANSWERS_A_STATUS,
    "STATUS_RANK": STATUS_RANK,
    "IS_BULK": IS_BULK,
    "IS_FINAL": IS_FINAL,
    "HAS_WAMID": HAS_WAMID,
}


def constants_table() -> str:
    """Return the line of Lua that precedes each script."""
    return f"local C = {_lua_literal(CONSTANTS)}"


def _lua_literal(value: Constant | Mapping[str, Constant]) -> str:
    if isinstance(value, Mapping):
        fields = (f"{name} = {_lua_literal(one)}" for name, one in value.items())
        return f"{{{', '.join(fields)}}}"
    return f"'{value}'" if isinstance(value, str) else str(value)
