"""Fields of a campaign's row that hold more than one value."""

from collections.abc import Mapping, Sequence

import orjson

from gateway.core.campaigns.course import Funnel
from gateway.core.campaigns.recipient_state import CELLS
from gateway.core.campaigns.zone_groups import ZoneGroup, unpack_groups

GROUP_DONE = "next:"


def parse_groups(text: Mapping[str, str]) -> Sequence[ZoneGroup]:
    """Return the groups of recipients by zone, () without quiet hours."""
    if not text.get("zones"):
        return ()
    done = {
        int(name.removeprefix(GROUP_DONE)): int(value)
        for name, value in text.items()
        if name.startswith(GROUP_DONE)
    }
    return unpack_groups(text["zones"], done)


def parse_funnel(text: Mapping[str, str]) -> Funnel:
    """Return how many recipients are in each cell."""
    cells = {cell: int(text.get(f"cell:{cell}", 0)) for cell in CELLS}
    skipped = orjson.loads(text.get("skipped", "{}"))
    codes = {
        int(name.removeprefix("code:")): int(value)
        for name, value in text.items()
        if name.startswith("code:") and value != "0"
    }
    return Funnel(cells, skipped, codes)
