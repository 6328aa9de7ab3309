"""Dead letter pages: what failed for good, by cause, with advice; redriven and dropped."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from gateway.core.console.users import OPERATE
from gateway.core.dead_letters.dead_letter import CAUSES, advice
from gateway.core.dead_letters.filter import DeadLetterFilter
from gateway.core.storage.timestamps import datetime_from_ms, ms_from_datetime
from gateway.store.dead_letters import dead_letters
from gateway.store.dead_letters.causes import count_causes
from gateway.store.dead_letters.dead_letters import DeadLetter
from gateway.store.redis.client import Store
from gateway.web.api.operations.dead_letters import PATH, view_letter
from gateway.web.console.desk.api_calls import ApiRefusalError
from gateway.web.console.page import (
    ROOT,
    ConsoleAction,
    ConsolePage,
    PageError,
    PageView,
    PageVisit,
    Redirection,
)

PER_PAGE = 50
# Of more, the newest are counted by cause, and the page says that there are more.
MOST_COUNTED = 500
# So many are acted on at once.
MOST_CHOSEN = 2_000
SHOWN = 3
VERBS = ("redrive", "drop")
_FILTERS = ("number", "cause", "code")


@dataclass(frozen=True, slots=True)
class LetterChoice:
    """The letters that a form chooses, and what is to become of them."""

    number: str
    cause: str
    code: str
    until_ms: int = 0  # those that died later are not meant; 0 for all

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> "LetterChoice":
        """Return the choice in a form or a query. Raises PageError."""
        number, cause, code = (fields.get(name, "").strip() for name in _FILTERS)
        until = fields.get("until_ms", "") or "0"
        are_numbers = _is_number(until, 14) and _is_number(code or "0", 7)
        if cause not in ("", *CAUSES) or not are_numbers:
            raise PageError(422, "There is no such filter.", f"Causes: {', '.join(CAUSES)}.")
        return cls(number, cause, code, int(until))

    def to_filter(self, numbers: frozenset[str] | None) -> DeadLetterFilter:
        """Return the filter by which the store finds those of some numbers, or of all."""
        return DeadLetterFilter(
            number=self.number or None,
            numbers=numbers,
            causes=frozenset({self.cause} - {""}),
            codes=frozenset({int(self.code)}) if self.code else frozenset(),
            until=datetime_from_ms(self.until_ms) if self.until_ms else None,
        )

    def view(self) -> Mapping[str, str]:
        """Return what was chosen, for the form."""
        return {"number": self.number, "cause": self.cause, "code": self.code}


async def build(visit: PageVisit) -> PageView:
    """Return the groups by cause, and a page of the newest letters."""
    choice, desk = LetterChoice.of(visit.query), visit.desk
    panels = await desk.panels(
        groups=desk.read(count_groups, desk.store, _visible_numbers(visit)),
        letters=desk.api.call(visit.user, "GET", PATH, _query(choice, visit.query)),
    )
    data = {**panels, "asked": choice.view(), "causes": CAUSES, "may_act": visit.user.may(OPERATE)}
    return PageView("Dead letters", "dead_letters/list.html", data)


async def preview(visit: PageVisit) -> PageView:
    """Return exactly what an act on all that match would do."""
    choice, verb = LetterChoice.of(visit.form), _verb(visit.form)
    found = await visit.desk.read_much(
        count_chosen, visit.desk.store, choice, _visible_numbers(visit)
    )
    data = {
        **found,
        "verb": verb,
        "asked": choice.view(),
        "unconfirmed": bool(visit.form.get("unconfirmed")),
    }
    return PageView(f"{verb.title()} dead letters", "dead_letters/preview.html", data)


async def act(visit: PageVisit) -> Redirection:
    """Begin the job that was previewed: those that died since are not touched."""
    choice, verb = LetterChoice.of(visit.form), _verb(visit.form)
    desk, user = visit.desk, visit.user
    chosen = await desk.read_much(list_chosen, desk.store, choice, _visible_numbers(visit))
    if not choice.until_ms or not chosen:
        raise PageError(409, "Nothing matches any more.", "Look at the dead letters again.")
    about = ", ".join(f"{name} {text}" for name, text in choice.view().items() if text) or "all"
    await desk.note(user, f"{verb} {len(chosen)} dead letters", about)
    body = {"unconfirmed": True} if visit.form.get("unconfirmed") else {}

    async def act_on(id_: str) -> str:
        try:
            if verb == "redrive":
                done = await desk.api.call(user, "POST", f"{PATH}/{id_}/redrive", {}, body)
            else:
                done = await desk.api.call(user, "DELETE", f"{PATH}/{id_}")
            return str(done["outcome"])
        except ApiRefusalError as refusal:
            return f"not done: {refusal.detail}"

    job = await desk.jobs.start(f"{verb} dead letters", user.name, chosen, act_on)
    return Redirection(f"{ROOT}/jobs/{job}")


async def act_on_one(visit: PageVisit) -> Redirection:
    """Redrive or drop one letter."""
    id_, verb = visit.form.get("id", ""), _verb(visit.form)
    await visit.desk.note(visit.user, f"{verb} dead letter", id_[:64])
    if verb == "redrive":
        await visit.desk.api.call(visit.user, "POST", f"{PATH}/{id_}/redrive", {}, {})
    else:
        await visit.desk.api.call(visit.user, "DELETE", f"{PATH}/{id_}")
    return Redirection(f"{ROOT}/dead-letters")


def count_groups(store: Store, numbers: frozenset[str] | None) -> Mapping[str, Any]:
    """Count the newest letters by number, cause and code, with what to do about each group."""
    counts = count_causes(store, DeadLetterFilter(numbers=numbers), MOST_COUNTED + 1)
    return {
        "has_more": counts.total() > MOST_COUNTED,
        "groups": [
            {"number": number, "cause": cause, "code": code, "count": count,
             "advice": advice(cause, code)}
            for (number, cause, code), count in counts.most_common()
        ],
    }  # fmt: skip


def count_chosen(
    store: Store, choice: LetterChoice, numbers: frozenset[str] | None
) -> Mapping[str, Any]:
    """Return how many letters a choice has now, by cause, and the first few."""
    now_ms = ms_from_datetime(dead_letters.server_time(store))
    found = list(islice(_iter_chosen(store, choice, numbers), MOST_CHOSEN + 1))
    causes = Counter(one.cause if one.code is None else f"{one.cause} {one.code}" for one in found)
    return {
        "count": min(len(found), MOST_CHOSEN),
        "has_more": len(found) > MOST_CHOSEN,
        "by_cause": dict(causes.most_common()),
        "first": [view_letter(one) for one in found[:SHOWN]],
        "until_ms": choice.until_ms or now_ms,
    }


def list_chosen(store: Store, choice: LetterChoice, numbers: frozenset[str] | None) -> list[str]:
    """Return the ids of the letters of a choice, the newest first."""
    return [one.id for one in islice(_iter_chosen(store, choice, numbers), MOST_CHOSEN)]


def _iter_chosen(
    store: Store, choice: LetterChoice, numbers: frozenset[str] | None
) -> Iterator[DeadLetter]:
    return dead_letters.iter_dead_letters(store, choice.to_filter(numbers))


def _visible_numbers(visit: PageVisit) -> frozenset[str] | None:
    """Return the numbers whose letters the user may see, None for all that there are."""
    return frozenset(visit.desk.numbers_of(visit.user)) if visit.user.accounts else None


def _query(choice: LetterChoice, asked: Mapping[str, str]) -> Mapping[str, str]:
    """Return the query of the API's list."""
    chosen = {**choice.view(), "limit": f"{PER_PAGE}", "cursor": asked.get("cursor", "")}
    return {name: text for name, text in chosen.items() if text}


def _is_number(text: str, digits: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= digits


def _verb(form: Mapping[str, str]) -> str:
    if (verb := form.get("verb", "")) not in VERBS:
        raise PageError(422, "There is no such act.", f"Acts: {', '.join(VERBS)}.")
    return verb


PAGES = (ConsolePage("/dead-letters", build, label="Dead letters", key="d"),)
ACTIONS = (
    ConsoleAction("/dead-letters/preview", preview, OPERATE),
    ConsoleAction("/dead-letters/act", act, OPERATE),
    ConsoleAction("/dead-letters/act-on-one", act_on_one, OPERATE),
)
