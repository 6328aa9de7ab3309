"""Fields of a campaign's row that hold a moment, or more than one value."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import orjson

from gateway.core.campaigns.recipient_state import CELLS, Funnel
from gateway.core.campaigns.stop_rules import STOP_CODES, Window
from gateway.core.campaigns.zone_groups import ZoneGroup, unpack_groups
from gateway.core.planning.campaign_answers import WAYS, CampaignAnswers
from gateway.core.storage.timestamps import datetime_from_ms, ms_from_datetime

GROUP_DONE = "next:"
BUTTON = "button:"
LED = "led"
MARK, MARK_BESIDE = "mark", "mark:beside"


def parse_moment(stamp: str | None) -> datetime | None:
    """Return a moment, None where there is none."""
    return datetime_from_ms(stamp) if stamp else None


def parse_led(text: Mapping[str, str]) -> datetime | None:
    """Return when a worker last came to a campaign, None where no release has noted that.

    When it last queued somebody was noted before that was.
    """
    led, queued = text.get(LED), text.get("at")
    return datetime_from_ms(max(int(led), int(float(queued or 0)))) if led else None


def stamp(at: datetime | None) -> str:
    """Return a moment as the row holds it."""
    return str(ms_from_datetime(at)) if at else ""


def parse_mark(text: Mapping[str, str]) -> Window:
    """Return the mark of the stop rules, that of the beginning where there is none."""
    mark = orjson.loads(text.get(MARK, "{}"))
    beside = orjson.loads(text.get(MARK_BESIDE, "{}"))
    return Window(
        **mark,
        reached=beside.get("reached", 0),
        opted_out=beside.get("opted_out", 0),
    )


def pack_mark(mark: Window) -> Mapping[str, str]:
    """Return the fields in which the row holds the mark of the stop rules.

    A release that knows four counts reads them from the first, and refuses any more.
    """
    counts = ("attempted", "failed", "unconfirmed", "fatal")
    beside = {"reached": mark.reached, "opted_out": mark.opted_out}
    return {
        MARK: orjson.dumps({name: getattr(mark, name) for name in counts}).decode(),
        MARK_BESIDE: orjson.dumps(beside).decode(),
    }


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
    codes, unposted = _parse_codes(text, "code:"), _parse_codes(text, "unposted:")
    # A release that knows no mark may have taken some of them without counting it.
    retrying = min(int(text.get("retrying", 0)), cells["queued"])
    return Funnel(cells, skipped, codes, unposted, retrying)


def _parse_codes(text: Mapping[str, str], prefix: str) -> Mapping[int, int]:
    return {
        int(name.removeprefix(prefix)): int(value)
        for name, value in text.items()
        if name.startswith(prefix) and value != "0"
    }


def parse_stop_codes(text: Mapping[str, str]) -> Mapping[int, datetime]:
    """Return the stop codes that its sends got, each with when the latest attempt of them began."""
    moments = {code: text.get(f"stop_code:{code}") for code in STOP_CODES}
    return {code: datetime_from_ms(at) for code, at in moments.items() if at}


def parse_answers(text: Mapping[str, str]) -> CampaignAnswers:
    """Return how many recipients answered, and how."""
    buttons = {
        name.removeprefix(BUTTON): int(value)
        for name, value in text.items()
        if name.startswith(BUTTON)
    }
    counts = {way: int(text.get(f"answers:{way}", 0)) for way in WAYS}
    return CampaignAnswers(**counts, buttons=buttons)
