"""Posts made of forwards that were taken: their bodies, or why a forward has none."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from gateway.accounts.rulebooks import AccountRules
from gateway.core.events import Event
from gateway.core.forwards.envelope import build_envelope
from gateway.core.forwards.forward import forward_id
from gateway.core.forwards.payload import build_payload, is_notice, own_send
from gateway.core.forwards.receiver import Receiver
from gateway.rules.event_kinds import kind_of
from gateway.store.body_codec import Bodies, UnknownRecordError
from gateway.store.outgoing.forward_events import (
    ReferredDelivery,
    read_references,
    read_referred,
)
from gateway.store.outgoing.forwards import SettledForward, WaitingForward
from gateway.store.redis.client import Store
from tasks.outgoing.forwarding.own_receivers import (
    receiver_of_copy,
    receiver_of_delivery,
    unnamed_receiver,
)

UNOPENED_WAITS_MS = 300_000
NOT_IN_META = "its receiver takes Meta's webhooks only (as: meta), and this is none"
NO_RECEIVER = "the rules of its account name no such receiver"


@dataclass(frozen=True, slots=True)
class PreparedPost:
    """One post; it is of one forward, or in Meta's form of those that one delivery holds."""

    number: str
    receiver: Receiver
    forwards: tuple[WaitingForward, ...]
    body: bytes = field(repr=False)


class PostPreparation:
    """Prepares posts of many receivers, with each delivery read once."""

    def __init__(self, store: Store, bodies: Bodies, rules: AccountRules) -> None:
        """Take the store, how stored bodies are opened, and the rules of the accounts."""
        self._store, self._bodies, self._rules = store, bodies, rules

    def prepare(
        self,
        number: str,
        receiver: Receiver,
        forwards: Sequence[WaitingForward],
        *,
        apart: bool = False,
    ) -> tuple[list[PreparedPost], list[SettledForward]]:
        """Return the posts of forwards, and what became of those that have none.

        With `apart`, each has a post of its own, also in Meta's form, as dead letters keep it.
        Raises StoreUnavailableError.
        """
        referring = [one for one in forwards if not one.copy]
        deliveries = read_referred(self._store, self._bodies, (one.delivery for one in referring))
        problems = [
            settled for one in referring if (settled := _problem(one, receiver, deliveries))
        ]
        unfit = {one.id for one in problems}
        fit = [one for one in referring if one.id not in unfit]
        references = self._references(number, fit, deliveries)
        posts = []
        for own, group in self._by_receiver(number, receiver, fit, deliveries, apart=apart):
            if own is None:
                problems += [_ownerless(one) for one in group]
                continue
            for part in [[one] for one in group] if apart else [group]:
                bodies = _bodies_of(own, part, deliveries, references)
                posts += [PreparedPost(number, own, together, body) for together, body in bodies]
        for one in forwards:
            if one.copy:
                prepared = self._prepare_copy(number, receiver, one)
                if isinstance(prepared, PreparedPost):
                    posts.append(prepared)
                else:
                    problems.append(prepared)
        return posts, problems

    def _by_receiver(
        self,
        number: str,
        receiver: Receiver,
        forwards: Sequence[WaitingForward],
        deliveries: Mapping[str, ReferredDelivery],
        *,
        apart: bool,
    ) -> Iterator[tuple[Receiver | None, list[WaitingForward]]]:
        """Yield each account's receiver of that name with its forwards, None where it has none."""
        if number:
            yield receiver, list(forwards)
            return
        rules, groups = self._rules.current(), dict[Receiver | None, list[WaitingForward]]()
        for one in forwards:
            delivery = deliveries[one.delivery].delivery
            own = delivery and receiver_of_delivery(rules, delivery, receiver.name)
            kept = own or (unnamed_receiver(receiver.name) if apart else None)
            groups.setdefault(kept, []).append(one)
        yield from groups.items()

    def _prepare_copy(
        self, number: str, receiver: Receiver, forward: WaitingForward
    ) -> PreparedPost | SettledForward:
        try:
            body = self._bodies.open(forward.copy)
        except UnknownRecordError as error:
            return _unopened(forward, str(error))
        rules = self._rules.current()
        own = receiver if number else receiver_of_copy(rules, body, receiver.name)
        if own and own.form == "meta" and is_notice(body):
            return SettledForward(
                forward.id, forward.attempt, "dead", NOT_IN_META, copy=forward.copy
            )
        return PreparedPost(number, own, (forward,), body) if own else _ownerless(forward)

    def _references(
        self,
        number: str,
        forwards: Sequence[WaitingForward],
        deliveries: Mapping[str, ReferredDelivery],
    ) -> Mapping[str, str]:
        events = (_event_of(one, deliveries) for one in forwards)
        return read_references(
            self._store, self._bodies, number, (own_send(event) for event in events if event)
        )


def _event_of(forward: WaitingForward, deliveries: Mapping[str, ReferredDelivery]) -> Event | None:
    events = deliveries[forward.delivery].events
    return next((one for one in events if one.item == forward.item), None)


def _problem(
    forward: WaitingForward, receiver: Receiver, deliveries: Mapping[str, ReferredDelivery]
) -> SettledForward | None:
    """Say what becomes of a forward whose event cannot be read; None if it can."""
    referred = deliveries[forward.delivery]
    if referred.is_unopened:
        return _unopened(forward, referred.problem)
    event = _event_of(forward, deliveries)
    if event and forward_id(event.key, receiver.name) == forward.id:
        return None
    if referred.is_redacted:
        return SettledForward(forward.id, forward.attempt, "gone", "its customer was erased")
    reason = referred.problem or "its event is not where it was"
    return SettledForward(forward.id, forward.attempt, "dead", reason)


def _ownerless(forward: WaitingForward) -> SettledForward:
    """Let a forward wait for the rules of its account to have the receiver again."""
    return SettledForward(forward.id, forward.attempt, "later", NO_RECEIVER, UNOPENED_WAITS_MS)


def _unopened(forward: WaitingForward, why: str) -> SettledForward:
    """Let a forward wait for a process that can open it."""
    return SettledForward(forward.id, forward.attempt, "later", why, UNOPENED_WAITS_MS)


def _bodies_of(
    receiver: Receiver,
    forwards: Sequence[WaitingForward],
    deliveries: Mapping[str, ReferredDelivery],
    references: Mapping[str, str],
) -> Iterator[tuple[tuple[WaitingForward, ...], bytes]]:
    if receiver.form == "meta":
        by_delivery = sorted(forwards, key=lambda one: one.delivery)
        for name, group in groupby(by_delivery, key=lambda one: one.delivery):
            together = tuple(group)
            delivery = deliveries[name].delivery
            if delivery:
                items = {one.item for one in together}
                yield together, build_envelope(delivery, items, references)
        return
    for one in forwards:
        delivery, event = deliveries[one.delivery].delivery, _event_of(one, deliveries)
        if delivery and event:
            yield (one,), build_payload(event, kind_of(event), delivery, receiver.name, references)
