"""Obstacles of campaigns in the store: a stopped template, a number that rests, an end of reach.

Falls of quality, for which stop rules pause a campaign, are read here as well.

All of it may raise StoreUnavailableError.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.accounts.account import OwnNumber
from gateway.core.campaigns.course import CampaignObstacle
from gateway.core.campaigns.stop_rules import QualityFall
from gateway.core.storage.timestamps import datetime_from_ms
from gateway.core.templates.choice import read_use
from gateway.store import keys
from gateway.store.redis.client import Store
from gateway.store.sending.lookup import read_each
from gateway.store.sending.pauses import pauses_key
from gateway.store.sending.quality import read_flag
from gateway.store.templates.registry import TemplateRegistry
from gateway.store.templates.waiting_sends import is_waited_for, waiting_command

RESTS = "rests"  # field of a campaign's row: until when its reach is used up
NOT_RESTING = "-"


@dataclass(frozen=True, slots=True)
class NumberObstacles:
    """What keeps the sends of a number from going."""

    templates: Collection[bytes] = ()  # that sends wait for
    is_paused: bool = False
    is_held: bool = False
    rests_until: int = 0  # in ms, 0 where it never had to


def read_obstacles(store: Store, numbers: Sequence[str]) -> list[NumberObstacles]:
    """Return what stops each number; a damaged key stops nothing."""
    commands = [
        command
        for number in numbers
        for command in (
            waiting_command(number),
            ("HMGET", pauses_key(number), "paused", "held"),
            ("HGET", f"{keys.number(number)}tokens", "rest"),
        )
    ]
    replies = read_each(store, commands)
    groups = zip(replies[::3], replies[1::3], replies[2::3], strict=True)
    return [_parse(*one) for one in groups]


def _parse(templates: Any, stops: Any, rest: Any) -> NumberObstacles:
    paused, held = stops or (None, None)
    return NumberObstacles(
        templates or (), paused is not None, held is not None, int(float(rest or 0))
    )


def find_campaign_obstacle(
    body: Mapping[str, Any], row: Mapping[str, str], number: NumberObstacles
) -> CampaignObstacle | None:
    """Return what a campaign waits for beside its own course, None where it goes on."""
    if number.is_held:
        return CampaignObstacle("number_held")
    if number.is_paused:
        return CampaignObstacle("number_paused")
    if is_waited_for(body, number.templates):
        return CampaignObstacle("template")
    if (until := row.get(RESTS, NOT_RESTING)) != NOT_RESTING:
        return CampaignObstacle("reach", datetime_from_ms(until) if until else None)
    if number.rests_until:
        return CampaignObstacle("number_rests", datetime_from_ms(number.rests_until))
    return None


def read_falls(
    store: Store, own: OwnNumber, body: Mapping[str, Any], since: datetime
) -> list[QualityFall]:
    """Return the falls of quality since a moment, of a number and of a message's template."""
    flagged_at = read_flag(store, own.id)
    falls = []
    if flagged_at and flagged_at > since:
        falls.append(QualityFall("number", "FLAGGED", flagged_at))
    if use := read_use(body, ""):
        fallen = TemplateRegistry(store, own.waba).read_falls(use.key, since)
        falls += [QualityFall("template", word, at) for word, at in fallen.items()]
    return falls
