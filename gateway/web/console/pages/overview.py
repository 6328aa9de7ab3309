"""Overview: what comes in and goes out, what waits, what is wrong, and each number's state."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from gateway.accounts.account import Account, Accounts
from gateway.core.alerts import Alert
from gateway.core.console.users import ConsoleUser
from gateway.core.sending.send import STATUS_RANK
from gateway.core.storage.timestamps import datetime_from_ms
from gateway.store import number_list
from gateway.store.campaigns.reach import read_reaches
from gateway.store.monitoring.number_state import NumberState
from gateway.store.monitoring.problems import find_problems
from gateway.store.monitoring.snapshot import Snapshot
from gateway.store.planning.rulebooks import count_versions
from gateway.web.console.desk.desk import ConsoleDesk, PagePanel
from gateway.web.console.desk.state_history import StateHistory
from gateway.web.console.live import LiveReader, LiveTopic
from gateway.web.console.page import ConsolePage, PageView, PageVisit
from gateway.web.console.rendering import render_fragment

# How far messages got, in the order of their way.
FUNNEL = ("accepted", *(one for one in STATUS_RANK if STATUS_RANK[one] > STATUS_RANK["accepted"]))
ENDED = ("dead", "expired", "dropped", "doubled")


async def build(visit: PageVisit) -> PageView:
    """Return the page."""
    data = await _read(visit.desk, visit.user)
    return PageView("Overview", "overview.html", data, topics=("overview",))


async def read_live(reader: LiveReader) -> str:
    """Return the panels for the live stream."""
    return render_fragment("overview_panels.html", await _read(reader.desk, reader.user))


async def _read(
    desk: ConsoleDesk, user: ConsoleUser
) -> Mapping[str, PagePanel | str | bool | None]:
    reads_all = not user.accounts
    read = read_state if reads_all else partial(read_own_state, owners=desk.accounts_of(user))
    panels = await desk.panels(
        state=desk.read(read, desk.history, desk.accounts()),
        reach=desk.read(view_reach, desk, user),
    )
    flower = desk.settings.gateway_flower_url if reads_all else ""
    return {**panels, "flower": flower or None, "is_whole": reads_all}


def read_own_state(
    history: StateHistory, accounts: Accounts, owners: Sequence[Account]
) -> Mapping[str, Any]:
    """Return the state of some accounts alone, and nothing that all have in common.

    Raises StoreUnavailableError or ScriptError.
    """
    now = history.read().of_accounts(*owners)
    alerts = [one for one in now.alerts if one.cause.number or one.cause.account]
    rates = history.rates(lambda reading: _count_attempts(reading.of_accounts(*owners)))
    return {"problems": [], "warnings": [], **_view_numbers(now, accounts, alerts, rates)}


def read_state(history: StateHistory, accounts: Accounts) -> Mapping[str, Any]:
    """Return the state of everything. Raises StoreUnavailableError or ScriptError."""
    now = history.read()
    problems = list(find_problems(now))
    kinds = {one.kind for one in problems}
    said = {f"{one.sentence} {one.advice}" for one in problems}
    alerts = [one for one in now.alerts if one.cause.kind not in kinds]
    forecast = now.forecast
    return {
        **_view_numbers(now, accounts, alerts, history.rates(_count_attempts)),
        "problems": [{"what": one.sentence, "advice": one.advice} for one in problems],
        "warnings": [one for one in now.health.warnings if one not in said],
        "kept": now.kept,
        "kept_rates": history.rates(lambda reading: reading.kept),
        "waiting": now.waiting,
        "oldest_s": now.oldest_s,
        "dead_letters": now.causes,
        "canary": {"took_s": now.canary.took_s, "age_s": now.canary.age_s},
        "last_s": dict(now.ago_s),
        "memory": {
            "used_bytes": now.health.used_bytes,
            "limit_bytes": now.health.limit_bytes,
            "full_in_days": forecast.days if forecast else None,
            "forecast": str(forecast) if forecast else None,
        },
        "rulebooks": count_versions(now.rulebooks),
    }


def _view_numbers(
    now: Snapshot, accounts: Accounts, alerts: Sequence[Alert], rates: Sequence[float]
) -> Mapping[str, Any]:
    """Return what is known of each number, and of all these together."""
    return {
        "at": datetime_from_ms(now.now_ms),
        "alerts": [_view_alert(one) for one in alerts if not one.is_news],
        "news": [_view_alert(one) for one in alerts if one.is_news],
        "sent": _count_attempts(now),
        "sent_rates": rates,
        "funnel": _funnel(now),
        "numbers": [_view_number(one, accounts) for one in now.numbers],
    }


def _view_alert(alert: Alert) -> Mapping[str, str | None]:
    return {"number": alert.cause.number or None, "what": alert.title, "advice": alert.advice}


def view_reach(desk: ConsoleDesk, user: ConsoleUser) -> Mapping[str, Mapping[str, int | None]]:
    """Return how many customers each number may begin with in 24 hours, and how many it did.

    It is known of numbers that had a campaign checked or running within a day; a limit of None is
    none at all, and nothing is counted for it. Raises StoreUnavailableError or ScriptError.
    """
    groups: dict[str, list[str]] = {}
    accounts = desk.accounts()
    for number in accounts.numbers_among(number_list.numbers_at_meta(desk.store)):
        groups.setdefault(accounts.limit_group(number), []).append(number)
    found = read_reaches(desk.store, groups.values())
    return {
        number: {"limit": one.limit if one.is_limited else None, "used": one.used}
        for number, one in found.items()
        if user.may_see(accounts.name_of(number))
    }


def _count_attempts(reading: Snapshot) -> int:
    return sum(one.stages.get("attempting", 0) for one in reading.numbers)


def _funnel(now: Snapshot) -> Mapping[str, int]:
    """Return how many messages ever got so far, and how many ended otherwise."""
    counts: Counter[str] = Counter()
    for one in now.numbers:
        counts.update(one.stages)
    return {stage: counts[stage] for stage in (*FUNNEL, *ENDED) if counts[stage]}


def _view_number(one: NumberState, accounts: Accounts) -> Mapping[str, Any]:
    own = accounts.number(one.number)
    return {
        "number": one.number or None,
        "account": accounts.name_of(one.number) or None,
        "pace": own.pace if own else None,
        "stopped": list(one.pauses.sentences()),
        "ready": {priority: lanes.ready for priority, lanes in one.lanes.items()},
        "overdue_s": max((lanes.overdue_s for lanes in one.lanes.values()), default=0.0),
        "due_later": one.due,
        "parked": one.parked,
        "unconfirmed": one.unconfirmed,
        "dead": one.dead,
        "damaged": one.damaged or None,
    }


PAGES = (ConsolePage("/overview", build, label="Overview", key="o"),)
TOPICS = {"overview": LiveTopic(read_live, every_s=2.0)}
