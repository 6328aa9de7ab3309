"""Constants that scripts and code share: defined in Python, and written into the scripts."""

import re
from collections.abc import Mapping, Sequence

from gateway.core.campaigns.recipient_state import (
    CAMPAIGN_ID_LENGTH,
    CAMPAIGN_MARK,
    CELL_OF_STAGE,
    CELLS,
    MOST_CODE,
    RECIPIENTS_PER_BUCKET,
    RETRYING,
)
from gateway.core.campaigns.stop_rules import STOP_CODES
from gateway.core.dead_letters.rows import ATTEMPTS_KEPT
from gateway.core.messages.price_list import CATEGORIES
from gateway.core.planning.campaign_answers import WAYS
from gateway.core.sending.compact_record import HAS_WAMID, IS_BULK, IS_FINAL
from gateway.core.sending.outcome import PROBE_AFTER_MS
from gateway.core.sending.preflight import NOT_POSTED
from gateway.core.sending.retry import MAX_ATTEMPTS
from gateway.core.sending.send import ANSWERS_A_STATUS, ID_LENGTH, PRIORITIES, STATUS_RANK
from gateway.store import keys

# The holder of a partition touches at most this many of its events before it passes them.
MOST_TOUCHED = 256

# Customers whom Meta could not deliver to are looked up in so many hashes, each small enough for
# Redis to store it compactly: a million of a number at most.
UNREACHABLE_BUCKETS, UNREACHABLE_PER_BUCKET = 4_099, 244
UNREACHABLE_CODE = 131026  # of Meta's failures

Constant = int | str | Sequence[str] | Mapping[str, int] | Mapping[str, str]
# By the name that scripts use after `C.`.
CONSTANTS: Mapping[str, Constant] = {
    "DAY_MS": keys.DAY_MS,
    "MONTH_MS": keys.MONTH_MS,
    "WAITERS": keys.WAITERS,
    "MAX_ATTEMPTS": MAX_ATTEMPTS,
    "ATTEMPTS_KEPT": ATTEMPTS_KEPT,
    "PROBE_AFTER_MS": PROBE_AFTER_MS,
    "MOST_TOUCHED": MOST_TOUCHED,
    "ANSWERS_A_STATUS": ANSWERS_A_STATUS,
    "ID_LENGTH": ID_LENGTH,
    "STATUS_RANK": STATUS_RANK,
    "PRIORITIES": PRIORITIES,
    "CATEGORIES": {category: place for place, category in enumerate(CATEGORIES, 1)},
    "CAMPAIGN_MARK": CAMPAIGN_MARK,
    "CAMPAIGN_ID_LENGTH": CAMPAIGN_ID_LENGTH,
    "NOT_POSTED": NOT_POSTED,
    "ANSWERS": [f":{way}" for way in WAYS],
    "CELLS": CELLS,
    "CELL_OF_STAGE": CELL_OF_STAGE,
    "MOST_CODE": MOST_CODE,
    "RECIPIENTS_PER_BUCKET": RECIPIENTS_PER_BUCKET,
    "RETRYING": RETRYING,
    "STOP_CODES": [str(code) for code in STOP_CODES],
    "UNREACHABLE_BUCKETS": UNREACHABLE_BUCKETS,
    "UNREACHABLE_PER_BUCKET": UNREACHABLE_PER_BUCKET,
    "UNREACHABLE_CODE": UNREACHABLE_CODE,
    "IS_BULK": IS_BULK,
    "IS_FINAL": IS_FINAL,
    "HAS_WAMID": HAS_WAMID,
}


# A table that a script looks up with a variable keeps its name; all else becomes a literal, since a
# table of all constants would be built anew with each call of each script.
_USE = re.compile(r"\bC\.([A-Z_]+)(?:\.([a-z_]+))?(?!\w|\[)")
_LOOKUP = re.compile(r"\bC\.([A-Z_]+)\[")


def write_constants(lua: str) -> str:
    """Return a script in which each constant is its value. Raises KeyError for an unknown one."""
    tables = "".join(f"local {name} = {_literal(name)}\n" for name in _looked_up(lua))
    lua = _LOOKUP.sub(lambda use: f"{use[1]}[", lua)
    return tables + _USE.sub(lambda use: _literal(use[1], use[2]), lua)


def _looked_up(lua: str) -> Mapping[str, None]:
    return dict.fromkeys(_LOOKUP.findall(lua))


def _literal(name: str, field: str | None = None) -> str:
    value = CONSTANTS[name]
    if isinstance(value, Mapping):
        if field is not None:
            return str(value[field])
        return f"{{{', '.join(f'{key} = {one!r}' for key, one in value.items())}}}"
    if isinstance(value, str):
        return f"'{value}'"
    return str(value) if isinstance(value, int) else f"{{{', '.join(map(repr, value))}}}"
