"""Template: a message that Meta approved in one language, and what is known of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal, NamedTuple

import orjson

from gateway.core.text import printable

# Meta sends a template with one of these words; every other one keeps it from being sent.
APPROVED = "APPROVED"
USABLE = frozenset({APPROVED, "REINSTATED", "FLAGGED"})
# A template with one of these may be sent again later, so a send of it waits.
PAUSED, DISABLED = "PAUSED", "DISABLED"
STOPPED = frozenset({PAUSED, DISABLED})

DIGEST_LENGTH = 16

# Where the latest news of a template came from: Meta's list, its webhook, or its refusal of a send.
Source = Literal["fetch", "webhook", "refusal"]


# Meta's codes of what does not fit a template.
WRONG_COUNT, NO_TEMPLATE, TOO_LONG, WRONG_FORMAT = 132000, 132001, 132005, 132012


class Mismatch(NamedTuple):
    """Something in a message that does not fit its template, and at which JSON pointer.

    `code` is the one with which Meta would refuse it.
    """

    pointer: str
    detail: str
    code: int = WRONG_FORMAT


@dataclass(frozen=True, slots=True)
class MetaTemplate:
    """A template in one language; texts are Meta's words, "" where Meta says nothing.

    `components` are Meta's own objects, None where only a webhook told of the template, and
    `is_outdated` says that Meta has changed them since they were read.
    """

    name: str
    language: str
    status: str
    category: str = ""
    components: tuple[Mapping[str, Any], ...] | None = field(default=None, repr=False)
    id: str = ""
    quality: str = ""
    former_category: str = ""
    reason: str = ""  # why Meta rejected or stopped it
    is_named: bool = False  # its parameters have names instead of positions
    is_outdated: bool = False
    seen_at: datetime | None = None
    source: Source = "fetch"

    @property
    def key(self) -> str:
        """Return the key of this name and language."""
        return template_key(self.name, self.language)

    @property
    def digest(self) -> str:
        """Return a digest of what Meta would write with it, and of what that costs."""
        parts = [self.category, self.is_named, self.is_outdated, self.components]
        packed = orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)
        return sha256(packed).hexdigest()[:DIGEST_LENGTH]

    @property
    def is_usable(self) -> bool:
        """Return whether Meta sends it."""
        return self.status in USABLE

    @property
    def is_stopped(self) -> bool:
        """Return whether Meta has stopped it, so that sends of it wait."""
        return self.status in STOPPED

    @property
    def unusable_reason(self) -> str:
        """Return why Meta does not send it, "" if it does."""
        if self.is_usable:
            return ""
        reason = f" ({printable(self.reason)})" if self.reason not in ("", "NONE") else ""
        return f"its status at Meta is {printable(self.status) or 'unknown'}{reason}"


def normalize_language(language: str) -> str:
    """Return a language as sends name it: webhooks also write en-US for en_US."""
    return language.replace("-", "_")


def template_key(name: str, language: str) -> str:
    """Return the key of a name and a language; no name of Meta's holds a space."""
    return f"{name} {normalize_language(language)}"


def split_key(key: str) -> tuple[str, str]:
    """Return the name and the language of a key."""
    name, _, language = key.partition(" ")
    return name, language
