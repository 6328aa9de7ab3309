"""Contact: the customer as one number knows them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

from gateway.core.contacts.frequency import Used, merge_used
from gateway.core.contacts.hand_over import HandOver, later_hand_over
from gateway.core.contacts.loop_guard import Volley, latest_volley
from gateway.core.events import BY_CUSTOMER, Event, Message, PhoneCall

MOST_BYTES = 8 * 1024


class Notes(NamedTuple):
    """Tags, sorted, and variables by name."""

    tags: tuple[str, ...]
    vars: Mapping[str, str]


def fits(tags: Iterable[str], variables: Mapping[str, str]) -> bool:
    """Say whether tags and variables together are small enough to be stored."""
    return len(orjson.dumps([tuple(tags), dict(variables)])) <= MOST_BYTES


def merge_notes(newer: Notes, older: Notes) -> Notes:
    """Merge the notes of two contacts that are one customer; the older ones where room is left."""
    tags = tuple(sorted({*newer.tags, *older.tags}))
    both = Notes(tags if fits(tags, newer.vars) else newer.tags, {**older.vars, **newer.vars})
    if fits(*both):
        return both
    variables = dict(newer.vars)
    for name, value in sorted(older.vars.items()):
        if name not in variables and fits(both.tags, {**variables, name: value}):
            variables[name] = value
    return both._replace(vars=variables)


# How many other keys a contact lists; the store still finds it by older ones.
MOST_ALIASES = 16
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Contact:
    """A customer of one number; `version` is the token of the last write, "" before the first."""

    key: str
    wa_id: str = field(default="", repr=False)
    user_id: str = field(default="", repr=False)
    name: str = field(default="", repr=False)
    last_inbound_at: datetime | None = None
    called_at: datetime | None = None  # of their last call to us
    opted_out_at: datetime | None = None  # since when they want no marketing; None if they allow it
    consent_at: datetime | None = None  # of their last consent change, in or out
    named_at: datetime | None = None  # of the last message that named them
    aliases: tuple[str, ...] = field(default=(), repr=False)  # other keys, the latest last
    tags: tuple[str, ...] = field(default=(), repr=False)  # that rules added, sorted
    vars: Mapping[str, str] = field(default_factory=dict, repr=False)  # that rules set, by name
    muted_until: datetime | None = None  # rules send nothing before, for a rule asked for it
    hand_over: HandOver | None = field(default=None, repr=False)  # nor while a person answers
    used: Used = field(default_factory=dict, repr=False)  # of the limits of rules
    unanswered: tuple[str, ...] = ()  # rules within a limit whose last firing could send nothing
    volley: Volley | None = field(default=None, repr=False)
    more: Mapping[str, Any] = field(default_factory=dict, repr=False)  # fields of another release
    version: str = ""

    @property
    def is_new(self) -> bool:
        """Say whether the customer has never written to this number."""
        return self.last_inbound_at is None

    @property
    def silent_until(self) -> datetime | None:
        """Return the moment before which rules send nothing, for a mute or for a hand-over."""
        return _later(self.muted_until, self.hand_over.until if self.hand_over else None)

    @property
    def window_opened_at(self) -> datetime | None:
        """Return when the window was last opened: by a message of the customer's, or by a call."""
        return _later(self.last_inbound_at, self.called_at)

    def with_event(self, event: Event) -> "Contact":
        """Return the contact after `event`, of which only messages and calls change a contact."""
        match event:
            case Message():
                return self.with_message(event)
            case PhoneCall():
                return self.with_call(event)
            case _:
                return self

    def with_message(self, message: Message) -> "Contact":
        """Return the contact after `message` was received.

        A message in a group, and a message from Meta about the customer, opens no window.
        """
        opens = not message.group and message.type != "system"
        # Of two names the later one counts, by Meta's clock; an empty name does not count.
        is_late = message.at < (self.named_at or _NEVER)
        newer, older = (self, message) if is_late else (message, self)
        return replace(
            self,
            wa_id=newer.wa_id or older.wa_id,
            user_id=newer.user_id or older.user_id,
            name=newer.name or older.name,
            last_inbound_at=_later(self.last_inbound_at, message.at if opens else None),
            named_at=_later(self.named_at, message.at),
        )

    def with_call(self, call: PhoneCall) -> "Contact":
        """Return the contact after a call, which is the customer's word only if they began it.

        Meta opens the window for it, answered or not.
        """
        opened_at = call.began_at if call.direction == BY_CUSTOMER else None
        named = replace(self.with_names(call), name=self.name or call.name)
        return replace(named, called_at=_later(self.called_at, opened_at))

    def with_names(self, event: Event) -> "Contact":
        """Return the contact with the names that it lacked and `event` has."""
        wa_id, user_id = self.wa_id or event.wa_id, self.user_id or event.user_id
        if (wa_id, user_id) == (self.wa_id, self.user_id):
            return self
        return replace(self, wa_id=wa_id, user_id=user_id)

    def with_consent(self, *, opts_out: bool, at: datetime) -> "Contact":
        """Return the contact after opting out of marketing, or in; unchanged if `at` is too old.

        A change counts by the moment when it was made, so a late one does not undo a newer one.
        """
        if at < (self.consent_at or _NEVER):
            return self
        since = (self.opted_out_at or at) if opts_out else None
        return replace(self, opted_out_at=since, consent_at=at)

    def merged_with(self, other: "Contact") -> "Contact":
        """Return the contact joined with `other`, the same customer, as if always known as one."""
        newer, older = (self, other)
        if (other.named_at or _NEVER) > (self.named_at or _NEVER):
            newer, older = (other, self)
        latest_consent = max(
            self, other, key=lambda one: (one.consent_at or _NEVER, bool(one.opted_out_at))
        )
        aliases = dict.fromkeys((*other.aliases, *self.aliases, other.key))
        notes = merge_notes(Notes(newer.tags, newer.vars), Notes(older.tags, older.vars))
        return replace(
            self,
            wa_id=newer.wa_id or older.wa_id,
            user_id=newer.user_id or older.user_id,
            name=newer.name or older.name,
            last_inbound_at=_later(self.last_inbound_at, other.last_inbound_at),
            called_at=_later(self.called_at, other.called_at),
            opted_out_at=latest_consent.opted_out_at,
            consent_at=latest_consent.consent_at,
            named_at=newer.named_at,
            aliases=tuple(aliases)[-MOST_ALIASES:],
            tags=notes.tags,
            vars=notes.vars,
            muted_until=_later(self.muted_until, other.muted_until),
            hand_over=later_hand_over(self.hand_over, other.hand_over),
            used=merge_used(self.used, other.used),
            unanswered=tuple(dict.fromkeys((*self.unanswered, *other.unanswered))),
            volley=latest_volley(self.volley, other.volley),
            more={**other.more, **self.more} if other.more else self.more,
        )


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max(one, other) if one and other else one or other
