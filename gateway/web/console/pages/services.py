"""Services page: what waits for the services that rules call, and how each of them is."""

from collections.abc import Mapping
from typing import Any

from gateway.store import number_list
from gateway.store.outgoing.service_states import ServiceState, read_service_states
from gateway.web.console.desk import rule_trials
from gateway.web.console.page import ConsolePage, PageView, PageVisit


async def build(visit: PageVisit) -> PageView:
    """Return each service of each number, and what became of a number's calls."""
    desk = visit.desk
    panels = await desk.panels(
        services=desk.read(view_services, visit), calls=desk.read(view_calls, visit)
    )
    return PageView("Services", "setup/services.html", panels)


def view_services(visit: PageVisit) -> list[Mapping[str, Any]]:
    """Return the services that the rules name now, and others that calls still wait for."""
    desk = visit.desk
    numbers = desk.accounts().numbers_among(number_list.numbers_at_meta(desk.store))
    numbers = [one for one in numbers if visit.may_see(one)]
    known = {number: rule_trials.list_services(desk, number) for number in numbers}
    return [_view(one) for one in read_service_states(desk.store, known)]


def view_calls(visit: PageVisit) -> list[Mapping[str, Any]]:
    """Return how many calls of each number wait, and what became of the others."""
    return [
        {
            "number": one.number or None,
            "waiting": one.calls,
            "oldest_s": one.oldest_call_s,
            "counts": one.call_counts,
        }
        for one in visit.desk.history.read().numbers
        if (one.calls or one.call_counts) and visit.may_see(one.number)
    ]


def _view(one: ServiceState) -> Mapping[str, Any]:
    return {
        "number": one.number,
        "service": one.service,
        "condition": one.condition,
        "failures": one.failures,
        "rests_until": one.rests_until,
        "waiting": one.waiting,
        "next_at": one.next_at,
    }


PAGES = (ConsolePage("/services", build, label="Services", key="s"),)
