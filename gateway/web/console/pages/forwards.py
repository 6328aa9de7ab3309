"""Forwards page: how each receiver of events is, and what operators do with one."""

from typing import Any

from gateway.core.console.users import OPERATE
from gateway.core.forwards.receiver import RECEIVER_NAME
from gateway.web.console.page import (
    ROOT,
    ConsoleAction,
    ConsolePage,
    PageError,
    PageView,
    PageVisit,
    Redirection,
)

API = "/v1/forwards"
VERBS = ("pause", "resume")
_REPLAY_FIELDS = ("since", "until", "number")


async def build(visit: PageVisit) -> PageView:
    """Return the receivers that have or had an event, and what waits for each."""
    return await _show(visit)


async def control(visit: PageVisit) -> Redirection:
    """Let a receiver get nothing for now, or what waits."""
    receiver, verb = visit.path["receiver"], visit.form.get("verb", "")
    if verb not in VERBS:
        raise PageError(422, "There is no such act.", f"Acts: {', '.join(VERBS)}.")
    await visit.desk.note(visit.user, f"{verb} a receiver", receiver)
    await visit.desk.api.call(visit.user, "POST", f"{API}/{receiver}/{verb}")
    return Redirection(f"{ROOT}/forwards")


async def test(visit: PageVisit) -> PageView:
    """Post a test event to a receiver, and show how it answered."""
    receiver, body = _read_receiver(visit), _pick(visit, "number")
    await visit.desk.note(visit.user, "test a receiver", receiver)
    trial = await visit.desk.api.call(visit.user, "POST", f"{API}/{receiver}/test", {}, body)
    return await _show(visit, trial=trial)


async def replay(visit: PageVisit) -> PageView:
    """Let a receiver get the events of a range once more, or only count them."""
    receiver = _read_receiver(visit)
    is_dry_run = visit.form.get("verb") == "count"
    body = {**_pick(visit, *_REPLAY_FIELDS), "dry_run": is_dry_run}
    what = "count events for a receiver" if is_dry_run else "replay events to a receiver"
    since = f"{receiver} since {body.get('since', '')}"
    await visit.desk.note(visit.user, what, since)
    found = await visit.desk.api.call(visit.user, "POST", f"{API}/{receiver}/replay", {}, body)
    return await _show(visit, replay={"receiver": receiver, "is_dry_run": is_dry_run, **found})


async def _show(visit: PageVisit, **found: Any) -> PageView:
    panels = await visit.desk.panels(receivers=visit.desk.api.call(visit.user, "GET", API))
    acts = {"may_act": visit.user.may(OPERATE), "trial": None, "replay": None}
    return PageView("Forwards", "setup/forwards.html", {**panels, **acts, **found})


def _read_receiver(visit: PageVisit) -> str:
    """Return the receiver of the form, which is safe in an address. Raises PageError."""
    receiver = visit.form.get("receiver", "").strip()
    if not RECEIVER_NAME.fullmatch(receiver):
        raise PageError(422, "No receiver can have this name.", "Write its name in the rules.")
    return receiver


def _pick(visit: PageVisit, *names: str) -> dict[str, Any]:
    """Return those of the form's fields that were filled in."""
    return {name: text for name in names if (text := visit.form.get(name, "").strip())}


PAGES = (ConsolePage("/forwards", build, label="Forwards", key="f"),)
ACTIONS = (
    ConsoleAction("/forwards/{receiver}/control", control, OPERATE),
    ConsoleAction("/forwards/test", test, OPERATE),
    ConsoleAction("/forwards/replay", replay, OPERATE),
)
