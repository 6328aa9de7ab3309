"""Taps: ids that rules ask for and no message offers, and those that are offered and unanswered."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from gateway.core.contacts.contact import Contact
from gateway.core.events import Message
from gateway.core.text import suggestion_for
from gateway.rules.checks.references import iter_conditions, iter_scalars
from gateway.rules.checks.unreachable import ends_search
from gateway.rules.language.call_action import iter_steps
from gateway.rules.language.conditions import Conditions
from gateway.rules.language.rulefile import RuleModel
from gateway.rules.matching.conditions.on_event import event_conditions
from gateway.rules.matching.conditions.on_text import text_conditions
from gateway.rules.matching.facts import EventFacts
from gateway.rules.problems import Mark, quote_word
from gateway.rules.yaml.nodes import Map, Scalar, Seq, as_mapping

# Conditions that the tap alone decides; all others may hold or not.
DECIDED = frozenset({"type", "tapped", "media", "reaction", "order", "text"})
COMBINING = frozenset({"event", "any", "all", "none"})
A_MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


class OfferedTap(NamedTuple):
    """A button or row of a message: its id and title, and the type of message that a tap is."""

    mark: Mark
    id: str
    title: str
    type: str = "interactive"

    @property
    def is_open(self) -> bool:
        """Say whether a placeholder decides the id or the title."""
        return "{{" in self.id or "{{" in self.title


def unoffered_taps(
    rule: Map, offers: Sequence[OfferedTap], *, has_templates: bool
) -> Iterator[tuple[Mark, str]]:
    """Report each id that a rule asks for and that no message offers.

    Templates have buttons of their own, so beside them only what is nearly offered is reported.
    """
    ids = {one.id for one in offers}
    if any(one.is_open for one in offers):
        return
    for when in iter_conditions(rule.get("when")):
        for tapped in iter_scalars(when.get("tapped")):
            hint = suggestion_for(tapped, ids)
            is_near = hint.startswith("did")
            if tapped not in ids and (is_near or not has_templates):
                more = f"; {hint}" if is_near else ""
                yield tapped.mark, f"no button or list offers {quote_word(tapped)}{more}"


class AnsweredTaps:
    """Ids that rules ask for, and the conditions of rules that may answer any tap."""

    def __init__(self, rules: Sequence[RuleModel]) -> None:
        """Take all rules."""
        whens = [
            when
            for rule in rules
            if rule.enabled and not rule.shadow and _is_answer(rule)
            for when in rule.when
            if "message" in when.events
        ]
        parts = (part for when in whens for part in positive_parts(when))
        self.ids = frozenset(id_ for part in parts for id_ in part.tapped or ())
        # A rule that answers anything is the last one as a rule.
        self.whens = [when for when in reversed(whens) if not when.tapped]


def unanswered_offers(
    offers: Sequence[OfferedTap], answered: AnsweredTaps
) -> Iterator[tuple[Mark, str]]:
    """Report each offered id for which no rule can answer a tap."""
    left = [offer for offer in offers if not offer.is_open and offer.id not in answered.ids]
    for offer in left:
        facts = _tap_facts(offer)
        if not any(_may_hold(when, facts) for when in answered.whens):
            yield offer.mark, f"no rule answers a tap on {quote_word(offer.id)}"


def misled_offers(
    offers: Sequence[OfferedTap], rules: Sequence[RuleModel]
) -> Iterator[tuple[Mark, str]]:
    """Report each offered title that fires a rule for texts above the rule for the tap."""
    active = [rule for rule in rules if rule.enabled and not rule.shadow]
    for offer in (one for one in offers if not one.is_open and one.title):
        facts = _tap_facts(offer)
        position = next((n for n, rule in enumerate(active) if _names_tap(rule, offer.id)), 0)
        above = active[:position]
        if caught := next((rule for rule in above if _surely_answers(rule, facts)), None):
            yield offer.mark, _misled_message(offer, caught, active[position])


def _misled_message(offer: OfferedTap, caught: RuleModel, wanted: RuleModel) -> str:
    tapped, title, rule = map(quote_word, (offer.id, offer.title, caught.name))
    return (
        f"a tap on {tapped} is answered by {rule}, whose `text` fits the title {title}; "
        f"move {quote_word(wanted.name)} above it"
    )


def iter_offers(rule: Map) -> Iterator[OfferedTap]:
    """Yield the buttons and rows of a rule's messages."""
    for step in iter_steps(rule):
        for titles in (step.get("buttons"), step.get("rows")):
            yield from _titled(as_mapping(titles))
        for rows in as_mapping(step.get("sections")).values():
            yield from _titled(as_mapping(rows))
        for raw in (step.get("send"), step.get("components"), step.get("window_closed")):
            yield from _raw_offers(raw)


def _titled(titles: Map) -> Iterator[OfferedTap]:
    for id_, title in titles.items():
        text = title.get("title", "") if isinstance(title, Map) else title
        yield OfferedTap(titles.marks[id_], id_, str(text))


def _raw_offers(node: Any) -> Iterator[OfferedTap]:
    """Yield what a message in Meta's form offers: an id beside a title, or a payload."""
    if isinstance(node, Map):
        if isinstance(payload := node.get("payload"), Scalar):
            yield OfferedTap(payload.mark, str(payload), "", "button")
        if isinstance(id_ := node.get("id"), Scalar) and isinstance(node.get("title"), Scalar):
            yield OfferedTap(id_.mark, str(id_), str(node["title"]))
    for inner in node.values() if isinstance(node, Map) else node if isinstance(node, Seq) else ():
        yield from _raw_offers(inner)


def positive_parts(when: Conditions) -> Iterator[Conditions]:
    """Yield conditions and all that are combined in them, but for those under `not`."""
    yield when
    for inner in (*(when.any or ()), *(when.all or ())):
        yield from positive_parts(inner)


def _is_answer(rule: RuleModel) -> bool:
    """Say whether a rule ends the search, or is about taps or texts without doing so."""
    parts = [part for when in rule.when for part in when.parts()]
    return ends_search(rule) or any(part.tapped or part.text for part in parts)


def _tap_facts(offer: OfferedTap) -> EventFacts:
    raw: Mapping[str, Any] = {"type": offer.type}
    event = Message(
        key="", delivery="", item=0, number="", contact="", at=A_MOMENT, raw=raw, id="",
        type=offer.type, text=offer.title, tapped=offer.id,
    )  # fmt: skip
    return EventFacts(event, Contact(""), A_MOMENT, timedelta(1), {})


def _may_hold(when: Conditions, facts: EventFacts) -> bool:
    """Say whether conditions may hold for a tap, whoever taps, and whenever."""
    return (
        _decided_hold(when, facts)
        and all(_may_hold(one, facts) for one in when.all or ())
        and (not when.any or any(_may_hold(one, facts) for one in when.any))
        and not any(
            one.model_fields_set <= DECIDED and _decided_hold(one, facts) for one in when.none or ()
        )
    )


def _names_tap(rule: RuleModel, tapped: str) -> bool:
    """Say whether a rule asks for this tap."""
    parts = (part for when in rule.when for part in positive_parts(when))
    return any(tapped in (part.tapped or ()) for part in parts)


def _surely_answers(rule: RuleModel, facts: EventFacts) -> bool:
    """Say whether a rule for texts answers a tap whoever taps, and whenever."""
    tests_text = (any(part.text for part in positive_parts(when)) for when in rule.when)
    return ends_search(rule) and any(
        is_for_text and "message" in when.events and _surely_holds(when, facts)
        for when, is_for_text in zip(rule.when, tests_text, strict=True)
    )


def _surely_holds(when: Conditions, facts: EventFacts) -> bool:
    open_keys = when.model_fields_set - DECIDED - COMBINING
    return (
        not open_keys
        and _decided_hold(when, facts)
        and all(_surely_holds(one, facts) for one in when.all or ())
        and (not when.any or any(_surely_holds(one, facts) for one in when.any))
        and not any(_may_hold(one, facts) for one in when.none or ())
    )


def _decided_hold(when: Conditions, facts: EventFacts) -> bool:
    decided = Conditions.model_construct(
        **{name: getattr(when, name) for name in DECIDED - {"text"}}
    )
    each = [*event_conditions(decided), *(text_conditions(when.text) if when.text else ())]
    return all(one.holds(facts) for one in each)
