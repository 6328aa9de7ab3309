"""Account routing: which account's rules answer an event, and which events are not planned now.

A number leads to its account, and an event without a number to the account of its delivery. A
delivery may name only numbers of its own account: otherwise whoever has the secret of one account
could write into the conversations of another. Which account a delivery is of, its name says, or the
secret that signed it, if the account was renamed since.
"""

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import structlog

from gateway.accounts.account import Account
from gateway.accounts.rulebooks import RulesInForce
from gateway.core.dead_letters.deferred_delivery import DeferReason
from gateway.core.events import Delivery, Event
from gateway.core.planning.batch import PlanningInput
from gateway.core.planning.decision import RuleDecider
from gateway.core.sending import canary
from gateway.store import keys, number_list
from gateway.store.monitoring.alert_store import record_alert
from gateway.store.planning.planning_stop import stop_planning, stop_rules, stopped_releases
from gateway.store.redis.client import ScriptError, Store, StoreUnavailableError
from tasks.context import WorkerContext, release_id
from tasks.monitoring.noted_alerts import (
    MOST_NUMBERS_NOTED,
    UNASSIGNED_FOR,
    foreign_number_alert,
    unassigned_number_alert,
)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Routing:
    """Rules for the events of a batch; `stopped` are the releases that must not plan now."""

    rules: RulesInForce
    deliveries: Mapping[str, Delivery] = field(default_factory=dict)
    stopped: Collection[str] = ()

    @classmethod
    def of(
        cls, rules: RulesInForce, deliveries: Sequence[Delivery], stopped: Collection[str] = ()
    ) -> "Routing":
        """Return the routing for the events of some deliveries."""
        return cls(rules, {one.id: one for one in deliveries}, stopped)

    def account_of(self, event: Event) -> Account | None:
        """Return the account whose rules answer an event, None if no account has it."""
        if event.number:
            return self.rules.accounts.owner_of(event.number)
        delivery = self.deliveries.get(event.delivery)
        if delivery is None:
            return self.rules.accounts.default
        return self.rules.accounts.keeper_of(delivery.account, delivery.secret)

    def rulebook_of(self, event: Event) -> RuleDecider | None:
        """Return the rulebook that answers an event, None if it cannot be used now."""
        rulebook = self.rules.of_account(self.account_of(event))
        return rulebook if rulebook and not self.is_stopped(rulebook) else None

    def is_stopped(self, rulebook: RuleDecider) -> bool:
        """Say whether events must not be planned with a rulebook now."""
        return bool(self.stopped) and release_id(rulebook.version) in self.stopped

    def is_foreign(self, event: Event) -> bool:
        """Say whether a delivery of one account names a number of another."""
        owner, name = self.rules.accounts.owner_of(event.number), self.delivery_account(event)
        if not owner or not name or _is_of(self.deliveries[event.delivery], owner):
            return False
        return self.rules.accounts.named(name) is not None

    def is_of_unknown_account(self, event: Event) -> bool:
        """Say whether no account has the name of the event's delivery, nor the secret it had."""
        name = self.delivery_account(event)
        if not name or self.rules.accounts.named(name):
            return False
        delivery = self.deliveries[event.delivery]
        return not any(_is_of(delivery, one) for one in self.rules.accounts)

    def is_of_unknown_number(self, event: Event) -> bool:
        """Say whether no account has the number of an event."""
        is_ours = event.number not in ("", canary.NUMBER)
        return is_ours and self.rules.accounts.owner_of(event.number) is None

    def delivery_account(self, event: Event) -> str:
        """Return the name of the account that an event's delivery was kept for, "" if none."""
        delivery = self.deliveries.get(event.delivery)
        return delivery.account if delivery else ""


def _is_of(delivery: Delivery, account: Account) -> bool:
    if delivery.account == account.name:
        return True
    return any(one.id == delivery.secret for one in account.secrets)


def all_stopped(rules: RulesInForce, stopped: Collection[str]) -> bool:
    """Say whether there is no rulebook with which events may be planned now."""
    return all(release_id(one.version) in stopped for one in rules.by_path.values())


def stop_release(ctx: WorkerContext, release: str) -> None:
    """Stop planning with a release; where there are several rulebooks, with its rules only."""
    if len(ctx.rules.current().by_path) == 1:
        stop_planning(ctx.store, release)
    else:
        stop_rules(ctx.store, release, stopped_releases(ctx.store))


def admit_events(
    ctx: WorkerContext,
    events: Sequence[Event],
    routing: Routing,
    defer: Callable[[Event, DeferReason], None],
) -> list[Event]:
    """Return the events that are to be planned now.

    Events of another account's number are dropped: they are not known from then on, since that
    account's own copy must have its effect. Those whose rules cannot be used now are deferred, and
    those of an account that is not in the file, or not yet in this process. Before an event is
    dropped or answered by no rule this process looks whether the accounts have changed.
    """
    admitted = []
    strangers = {
        id(event)
        for event in events
        if routing.is_of_unknown_account(event)
        or routing.is_of_unknown_number(event)
        or routing.is_foreign(event)
    }
    is_behind = bool(strangers) and ctx.are_accounts_behind(routing.rules.accounts)
    for event in events:
        if routing.is_of_unknown_account(event) or (is_behind and id(event) in strangers):
            defer(event, DeferReason("account", number=event.number))
        elif routing.is_foreign(event):
            _report_foreign(ctx.store, event, routing)
        elif routing.rulebook_of(event) is None:
            defer(event, _why_not_now(event, routing))
        else:
            admitted.append(event)
    _report_unassigned(ctx.store, {e.number for e in admitted if routing.is_of_unknown_number(e)})
    return admitted


def split_by_account(
    planning_input: PlanningInput, events: Sequence[Event], routing: Routing
) -> Iterator[tuple[PlanningInput, RuleDecider, list[Event]]]:
    """Yield a number's events by their accounts: events without a number may have several."""
    groups: dict[str, tuple[RuleDecider, list[Event]]] = {}
    for event in events:
        account = routing.account_of(event)
        if rulebook := routing.rulebook_of(event):
            name = account.name if account else ""
            groups.setdefault(name, (rulebook, []))[1].append(event)
    for name, (rulebook, its_events) in groups.items():
        yield replace(planning_input, account=name), rulebook, its_events


def _why_not_now(event: Event, routing: Routing) -> DeferReason:
    rulebook = routing.rules.of_account(routing.account_of(event))
    return DeferReason("stopped" if rulebook else "rules", number=event.number)


def _report_foreign(store: Store, event: Event, routing: Routing) -> None:
    account = routing.delivery_account(event)
    log.error("event_foreign", account=account, number=event.number)
    with contextlib.suppress(StoreUnavailableError, ScriptError):
        number_list.increment_counter(store, keys.number(event.number), "events.foreign")
        alert = foreign_number_alert(account, event.number)
        record_alert(store, alert, UNASSIGNED_FOR, MOST_NUMBERS_NOTED)


def _report_unassigned(store: Store, numbers: Collection[str]) -> None:
    for number in sorted(numbers):
        log.warning("number_unassigned", number=number)
        with contextlib.suppress(StoreUnavailableError, ScriptError):
            record_alert(store, unassigned_number_alert(number), UNASSIGNED_FOR, MOST_NUMBERS_NOTED)
