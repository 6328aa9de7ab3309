"""Versions of Meta's Graph API, and the date until which Meta serves each; pure.

From https://developers.facebook.com/docs/graph-api/changelog, read in November 2026. A version is
served for at least two years; the oldest one still served answers calls to one that has ended.
"""

from collections.abc import Mapping
from datetime import date
from typing import Literal

# None: Meta has not announced it yet.
ENDS: Mapping[str, date | None] = {
    "v20.0": date(2026, 9, 24),
    "v21.0": date(2027, 1, 21),
    "v22.0": date(2027, 5, 20),
    "v23.0": date(2027, 10, 8),
    "v24.0": date(2028, 2, 18),
    "v25.0": date(2028, 7, 29),
    "v26.0": None,
}
_VERSION_NUMBERS = {name: tuple(int(part) for part in name[1:].split(".")) for name in ENDS}

SupportStatus = Literal["ended", "served", "unknown"]


def support_status(version: str, today: date) -> tuple[SupportStatus, date | None]:
    """Return whether Meta serves a version, and its end date if known."""
    if version in ENDS:
        end = ENDS[version]
        return ("ended" if end and end <= today else "served"), end
    version_number = tuple(int(part) for part in version[1:].split("."))
    return ("ended" if version_number < min(_VERSION_NUMBERS.values()) else "unknown"), None
