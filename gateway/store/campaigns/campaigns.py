"""Campaigns in the store: read, listed, and led from one phase to another.

All of it may raise StoreUnavailableError or ScriptError.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal, cast

import orjson
import structlog

from gateway.core.campaigns.checks.check import identify_check
from gateway.core.campaigns.course import ENDED, CampaignObstacle, Phase, Standing
from gateway.core.campaigns.definition import Definition
from gateway.core.campaigns.recipient_state import Funnel
from gateway.core.campaigns.retry_source import RetrySource, unpack_sources
from gateway.core.campaigns.stop_rules import Window
from gateway.core.campaigns.stored_definition import unpack_definition
from gateway.core.campaigns.zone_groups import ZoneGroup
from gateway.core.planning.campaign_answers import CampaignAnswers
from gateway.core.storage.timestamps import datetime_from_ms
from gateway.store import keys
from gateway.store.body_codec import Bodies, UnknownRecordError
from gateway.store.campaigns import next_look, row_fields
from gateway.store.campaigns.obstacles import (
    NOT_RESTING,
    RESTS,
    NumberObstacles,
    find_campaign_obstacle,
    read_obstacles,
)
from gateway.store.redis.client import Store
from gateway.store.sending.lookup import read_each

log = structlog.get_logger(__name__)

LIVES = timedelta(days=90)  # since the last change of the phase
LIVES_MS = int(LIVES.total_seconds() * 1000)
ALL, ACTIVE = f"{keys.CAMPAIGNS}all", f"{keys.CAMPAIGNS}active"
END_GIVEN = "end_given"  # field of a row whose finish_by was given when it was resumed
NO_HASH = "its key is of another type"
_REST: Mapping[str, str] = {"cancelled": "cancelled", "expired": "expired"}


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign as it is stored."""

    id: str
    number: str
    definition: Definition = field(repr=False)
    phase: Phase
    by: str
    why: str
    created_at: datetime
    changed_at: datetime
    started_at: datetime | None
    funnel: Funnel
    answers: CampaignAnswers
    stop_codes: Mapping[int, datetime]  # each with when the latest attempt of them began
    audience: str  # its token, "" without one
    recipients: int
    next_recipient: int
    rest: str  # the cell of recipients who were not written to when it ended
    checked_at: datetime | None
    mark: Window
    first_done_at: datetime | None
    is_first_over: bool
    problems: Sequence[Mapping[str, Any]] = ()
    groups: Sequence[ZoneGroup] = ()  # with quiet hours
    sources: Sequence[RetrySource] = ()  # of a repetition
    obstacle: CampaignObstacle | None = None
    rests: str = NOT_RESTING  # until when its reach is used up, in ms
    noticed: str = ""  # the id of the last notice that was given
    takes: timedelta = timedelta(0)  # as the last check said
    would_get: int | None = None  # as it said too; None where a release before did not note it
    checked_template: str = ""  # the digest of Meta's template, as it said, "" where not known
    is_end_given: bool = True  # finish_by, or else it was computed at the start
    led_at: datetime | None = None  # when a worker last came to it while it ran
    prolonged_at: datetime | None = None  # since when its keys live on though its phase is the same

    @property
    def check_id(self) -> str:
        """Return the id of its last check, "" without one."""
        at = self.checked_at
        return identify_check(self.id, self.audience, at) if at else ""

    @property
    def rule(self) -> str:
        """Return the name under which its sends are held, as a rule's are."""
        return f"campaign:{self.id}"

    @property
    def standing(self) -> Standing:
        """Return what is known of it, to decide what it does next."""
        return Standing(
            phase=self.phase,
            definition=self.definition,
            funnel=self.funnel,
            recipients=self.recipients,
            before=self.mark,
            opted_out=self.answers.opted_out,
            codes={code: at for code, at in self.stop_codes.items() if at >= self.changed_at},
            first_done_at=self.first_done_at,
            is_first_over=self.is_first_over,
            groups=self.groups,
            obstacle=self.obstacle,
            is_end_given=self.is_end_given,
            changed_at=self.changed_at,
            led_at=max(self.led_at, self.changed_at) if self.led_at else None,
        )


def find_number(store: Store, id_: str) -> str:
    """Return the number of a campaign, "" for an unknown one."""
    number: Any = store.run(lambda client: client.hget(ALL, id_))
    return number.decode() if number else ""


def read_campaign(store: Store, bodies: Bodies, id_: str) -> Campaign | None:
    """Return a campaign, None where it is unknown or forgotten. Raises UnknownRecordError."""
    number = find_number(store, id_)
    if not number:
        return None
    (row,) = read_each(store, [("HGETALL", campaign_key(number, id_))])
    if row is None:
        raise UnknownRecordError(NO_HASH)
    (obstacles,) = read_obstacles(store, [number])
    return parse_campaign(bodies, id_, number, row, obstacles) if row else None


def list_campaigns(store: Store, bodies: Bodies) -> list[Campaign]:
    """Return all campaigns, the newest first."""
    numbers: Any = store.run(lambda client: client.hgetall(ALL))
    named = [(id_.decode(), number.decode()) for id_, number in numbers.items()]
    rows = read_each(store, [("HGETALL", campaign_key(number, id_)) for id_, number in named])
    own = sorted({number for _, number in named})
    obstacles = dict(zip(own, read_obstacles(store, own), strict=True))
    found = [
        campaign
        for (id_, number), row in zip(named, rows, strict=True)
        if row != {} and (campaign := _parse_readable(bodies, id_, number, row, obstacles[number]))
    ]
    return sorted(found, key=lambda one: one.created_at, reverse=True)


def _parse_readable(
    bodies: Bodies,
    id_: str,
    number: str,
    row: Mapping[bytes, bytes] | None,
    obstacles: NumberObstacles,
) -> Campaign | None:
    """Return a campaign, None for one that hides no other though it cannot be read."""
    try:
        if row is None:
            raise UnknownRecordError(NO_HASH)
        return parse_campaign(bodies, id_, number, row, obstacles)
    except UnknownRecordError as error:
        log.warning("campaign_unreadable", campaign=id_, reason=str(error))
        return None


def list_active(store: Store) -> list[str]:
    """Return the ids of campaigns that have something to do, now or later."""
    ids: Any = store.run(lambda client: client.hkeys(ACTIVE))
    return sorted(id_.decode() for id_ in ids)


def change_phase(
    store: Store,
    campaign: Campaign,
    within: Iterable[Phase],
    to: Phase | Literal[""],
    by: str,
    why: str,
    audience: str = "",
    check: str = "",
    **fields: str | int,
) -> tuple[bool, str]:
    """Lead a campaign into a phase, "" to change fields only.

    With an audience, or the stamp of a check, only if it has that still. Return whether that was
    done, and the phase in which it was, "" for a forgotten campaign.
    """
    if to and to not in ENDED:
        # First, so that the tick looks at it whatever happens to this process.
        store.run(lambda client: client.hset(ACTIVE, campaign.id, campaign.number))
    pairs = [part for pair in fields.items() for part in pair]
    args = [campaign.id, ",".join(within), to, by, why[:500], _REST.get(to, ""), LIVES_MS]
    done, before = store.call(
        "campaign_phase", keys.number(campaign.number), *args, audience, check, *pairs
    )
    next_look.look_again(store, campaign.id)
    return done == b"1", before.decode()


def forget_active(store: Store, id_: str) -> None:
    """Look at a campaign no more: it has ended, and nothing of it waits."""
    store.run(lambda client: client.hdel(ACTIVE, id_))
    next_look.look_again(store, id_)


def campaign_key(number: str, id_: str) -> str:
    """Return the key of a campaign's row."""
    return f"{keys.number(number)}campaign:{id_}"


def server_ms(store: Store) -> int:
    """Return the server's time in milliseconds."""
    return server_us(store) // 1000


def server_us(store: Store) -> int:
    """Return the server's time in microseconds."""
    seconds, micros = cast(Any, store.run(lambda client: client.time()))
    return int(seconds) * 1_000_000 + int(micros)


def parse_campaign(
    bodies: Bodies, id_: str, number: str, row: Mapping[bytes, bytes], obstacles: NumberObstacles
) -> Campaign:
    """Return a campaign from its row, and from what stops its number.

    Raises UnknownRecordError.
    """
    try:
        return _parse(bodies, id_, number, row, obstacles)
    except (ValueError, KeyError, TypeError) as error:  # damaged, or of another release
        raise UnknownRecordError(type(error).__name__) from error


def _parse(
    bodies: Bodies, id_: str, number: str, row: Mapping[bytes, bytes], obstacles: NumberObstacles
) -> Campaign:
    text = {
        name.decode(): value.decode(errors="replace")
        for name, value in row.items()
        if name != b"definition"
    }
    definition = unpack_definition(bodies.open(row[b"definition"]))
    finish_by = row_fields.parse_moment(text.get("finish_by")) or definition.finish_by
    return Campaign(
        id=id_,
        number=number,
        definition=replace(definition, finish_by=finish_by),
        phase=cast(Phase, text["phase"]),
        by=text.get("by", ""),
        why=text.get("why", ""),
        created_at=datetime_from_ms(text["created"]),
        changed_at=datetime_from_ms(text["changed"]),
        started_at=row_fields.parse_moment(text.get("started")),
        funnel=row_fields.parse_funnel(text),
        answers=row_fields.parse_answers(text),
        stop_codes=row_fields.parse_stop_codes(text),
        audience=text.get("audience", ""),
        recipients=int(text.get("recipients", 0)),
        next_recipient=int(text.get("next", 0)),
        rest=text.get("rest", ""),
        checked_at=row_fields.parse_moment(text.get("checked")),
        mark=row_fields.parse_mark(text),
        first_done_at=row_fields.parse_moment(text.get("first_done")),
        is_first_over="first_over" in text,
        problems=orjson.loads(text.get("problems", "[]")),
        groups=row_fields.parse_groups(text),
        sources=unpack_sources(text.get("retry_of", "")),
        rests=text.get(RESTS, NOT_RESTING),
        noticed=text.get("noticed", ""),
        obstacle=find_campaign_obstacle(definition.body, text, obstacles),
        takes=timedelta(seconds=int(text.get("takes", 0))),
        would_get=int(text["gets"]) if "gets" in text else None,
        checked_template=text.get("template", ""),
        is_end_given=definition.finish_by is not None or END_GIVEN in text,
        led_at=row_fields.parse_led(text),
        prolonged_at=row_fields.parse_moment(text.get("prolonged")),
    )
