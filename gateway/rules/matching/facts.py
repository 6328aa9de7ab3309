"""Facts for rules: about the event, its contact, and the moment."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from gateway.core.contacts.contact import Contact
from gateway.core.events import Event, Message, Status
from gateway.core.paths.path import MetaPath
from gateway.core.paths.values import FieldValue, as_text, read_values
from gateway.core.planning.contact_changes import ContactChange
from gateway.core.sending.send import answers_a_status, parse_callback_data
from gateway.core.webhook.customers import NOTHING, integer, object_field, read_content, text_field
from gateway.core.webhook.phone_numbers import normalize_phone
from gateway.rules.event_kinds import kind_of
from gateway.rules.language.conditions import MEDIA
from gateway.rules.opening_hours import Hours
from gateway.rules.text import ComparableText, drop_invisible

WINDOW = timedelta(hours=24)


def has_recipient(event: Event, contact: Contact) -> bool:
    """Say whether the customer has a name to which a message can be sent."""
    return bool(event.wa_id or event.user_id or contact.wa_id or contact.user_id)


class EventFacts:
    """Facts of one event; `contact` is as it was before, with the changes of rules so far."""

    def __init__(
        self,
        event: Event,
        contact: Contact,
        now: datetime,
        max_age: timedelta,
        hours: Mapping[str, Hours],
        staff: frozenset[str] = frozenset(),
    ) -> None:
        """Take an event, the contact as it was before, and whose phones rules notify."""
        self.event, self.contact, self.now, self.hours = event, contact, now, hours
        self.staff = staff
        self.kind = kind_of(event)
        self.raw: Mapping[str, Any] = event.raw if isinstance(event.raw, dict) else NOTHING
        if isinstance(event, Message):
            self.type, written, self.tapped = event.type, event.text, event.tapped
        else:
            self.type = text_field(self.raw, "type")
            written, self.tapped = read_content(self.type, self.raw)
        self.text = ComparableText(written)
        self._was_muted = self.is_muted
        # A phone's history is never new.
        self.is_old = now - event.at > max_age and self.kind != "history"
        self.changes: list[str] = []

    def note(self, change: ContactChange) -> None:
        """Apply a change of the contact, so that later rules and actions see it."""
        self.contact = change.contact
        self.changes.append(change.change)

    @cached_property
    def media(self) -> frozenset[str]:
        """The kind of file that came, in all words that a rule may use."""
        if self.type not in MEDIA:
            return frozenset()
        is_voice = object_field(self.raw, "audio").get("voice") is True
        return frozenset({self.type, "voice"} if is_voice else {self.type})

    @cached_property
    def emoji(self) -> str:
        """The reaction that came, "" if there is none or one was removed."""
        if self.type != "reaction":
            return ""
        return plain_emoji(text_field(object_field(self.raw, "reaction"), "emoji"))

    @cached_property
    def referral(self) -> Mapping[str, Any]:
        """The ad or post that the message came from."""
        return object_field(self.raw, "referral")

    @cached_property
    def headline(self) -> ComparableText:
        """The headline of the ad or post."""
        return ComparableText(text_field(self.referral, "headline") or None)

    def values(self, path: MetaPath) -> tuple[FieldValue, ...]:
        """Return what Meta tells under a path."""
        if path.name not in self._values:
            self._values[path.name] = read_values(self.event, path)
        return self._values[path.name]

    def texts(self, path: MetaPath) -> tuple[ComparableText, ...]:
        """Return the same as texts to compare."""
        if path.name not in self._texts:
            values = self.values(path)
            self._texts[path.name] = tuple(ComparableText(as_text(value)) for value in values)
        return self._texts[path.name]

    @cached_property
    def _values(self) -> dict[str, tuple[FieldValue, ...]]:
        return {}

    @cached_property
    def _texts(self) -> dict[str, tuple[ComparableText, ...]]:
        return {}

    @cached_property
    def codes(self) -> frozenset[int]:
        """Meta's error codes of a status."""
        if not isinstance(self.event, Status):
            return frozenset()
        codes = {integer(error.get("code")) for error in self.event.errors} | {self.event.code}
        return frozenset(code for code in codes if code is not None)

    @cached_property
    def senders(self) -> frozenset[str]:
        """The ids by which a rule may mean the customer."""
        event, contact = self.event, self.contact
        known = {normalize_phone(event.wa_id or contact.wa_id), event.user_id or contact.user_id}
        return frozenset(known - {""})

    @property
    def no_send_reason(self) -> str:
        """The reason why nothing may be sent, whatever rules say; "" if sends are allowed.

        A mute begins after the event that asks for it, and ends with the action that ends it.
        """
        event, contact = self.event, self.contact
        if not event.number or not contact.key or not has_recipient(event, contact):
            return "nobody can be answered"
        if self._is_about_answer:
            return "it tells of an answer to a status"
        if self._was_muted and self.is_muted:
            why = "a person answers" if self.is_handed_over else "muted"
            return f"{why} until {contact.silent_until:%Y-%m-%d %H:%M} UTC"
        return ""

    @property
    def no_phone_reason(self) -> str:
        """The reason why no person's phone may be notified, "" if it may.

        Two phones that answer by themselves would otherwise notify each other for ever.
        """
        if not self.event.number:
            return "there is no number of ours to send from"
        if self._is_about_answer:
            return "it tells of an answer to a status"
        return "" if self.senders.isdisjoint(self.staff) else "it is of a person whom rules notify"

    @property
    def _is_about_answer(self) -> bool:
        event = self.event
        return isinstance(event, Status) and answers_a_status(
            parse_callback_data(event.callback)[0]
        )

    @property
    def window_opened_at(self) -> datetime | None:
        """The time of the customer's last message or call, the event itself included."""
        return self.contact.with_event(self.event).window_opened_at

    @property
    def silence(self) -> timedelta | None:
        """The time since the customer's message before this event, None if there was none."""
        before = self.contact.last_inbound_at
        return None if before is None else self.event.at - before

    @property
    def is_handed_over(self) -> bool:
        """Say whether a person answers the customer, and no rule does."""
        hand_over = self.contact.hand_over
        return hand_over is not None and hand_over.until > self.now

    @property
    def is_muted(self) -> bool:
        """Say whether rules send the customer nothing, for whichever reason."""
        until = self.contact.silent_until
        return until is not None and until > self.now


def plain_emoji(emoji: str) -> str:
    """Remove the skin tone and the selector of the colour form, which not every phone writes."""
    return drop_invisible(emoji)
