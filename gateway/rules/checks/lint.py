"""Lint of rules: warnings of rules that are valid but probably not meant."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from difflib import get_close_matches

from gateway.core.text import suggestion_for
from gateway.rules.checks.compared_words import reshaped_words
from gateway.rules.checks.empty_texts import possibly_empty_texts
from gateway.rules.checks.forwards import idle_forwards
from gateway.rules.checks.idle_actions import idle_actions
from gateway.rules.checks.message_types import fired_types, left_out_types
from gateway.rules.checks.placeholders import iter_texts, placed_names
from gateway.rules.checks.references import iter_conditions, iter_scalars
from gateway.rules.checks.rulefile_check import CheckedFile
from gateway.rules.checks.service_calls import silent_failures
from gateway.rules.checks.taps import (
    AnsweredTaps,
    iter_offers,
    misled_offers,
    unanswered_offers,
    unoffered_taps,
)
from gateway.rules.checks.unreachable import ends_search, find_unreachable, is_limited
from gateway.rules.language.actions import BARE
from gateway.rules.language.call_action import iter_steps
from gateway.rules.language.conditions import When
from gateway.rules.language.rulefile import RuleModel
from gateway.rules.problems import QUOTES, Mark, Problem, quote_word
from gateway.rules.yaml.nodes import Map, Scalar, as_list, as_mapping

NEVER_FIRES = "never fires: no message is of all the types that its conditions ask for"
LEFT_OUT = (
    "no reactions, deletions, or other messages in which a customer says nothing; "
    "a rule for these names their type, such as `type: reaction`"
)
MAX_NAMED = 3  # rules of a note
BEYOND_LIMIT = (
    "beyond this limit a message counts as answered, and no rule below is asked; "
    "`when_limited: next` asks them, and `when_limited: answered` confirms it"
)
ANY_MESSAGE_RINGS = (
    "any message notifies this phone: if its owner writes while Meta hides their number, and "
    "answers by itself, that goes on for ever; a condition on what they write, a `cooldown`, or "
    "their `user_id` beside `to` ends it"
)
# Conditions on what the customer wrote, tapped or sent.
CONTENT = {"text", "tapped", "type", "media", "reaction", "order", "referral"}
# Conditions that messages which follow each other fit alike.
OPEN = {"event", "number", "inside", "outside", "age", "window", "none", "muted", "handed_over"}
MAX_WORD = 20  # characters of a text that may look like a verb

MarkedMessage = tuple[Mark, str]


def lint_warnings(files: Sequence[CheckedFile]) -> Iterator[Problem]:
    """Yield warnings of unreachable rules, and of names that are used and never defined."""
    rules = [(file.file, name, rule) for file in files for name, rule in file.rules()]
    defined = _DefinedNames(files, [rule for _, _, rule in rules])
    for file, name, rule in rules:
        messages = (
            *_undefined_tags(rule, defined), *_undefined_vars(rule, defined),
            *_unknown_templates(iter_steps(rule), defined), *_misspelled_verbs(rule),
            *reshaped_words(rule), *silent_failures(rule),
        )  # fmt: skip
        yield from (
            Problem(file, mark, name, message, is_warning=True) for mark, message in messages
        )
    for one in files:
        for mark, message in _unknown_templates([as_mapping(one.top("defaults"))], defined):
            yield Problem(one.file, mark, "", message, is_warning=True)
    yield from _lost_taps(files, has_templates=bool(defined.templates) or defined.sends_templates)
    yield from _possibly_empty_texts(files)
    yield from _rules_that_never_fire(files)
    yield from _unreachable_rules(files)
    yield from _endless_notifications(files)
    yield from _idle_actions(files)
    yield from idle_forwards(files)


class _DefinedNames:
    """The names that the files define anywhere."""

    def __init__(self, files: Sequence[CheckedFile], rules: Sequence[Map]) -> None:
        each = [step for rule in rules for step in iter_steps(rule)]
        self.tags = {str(tag) for step in each for tag in iter_scalars(step.get("tag"))}
        self.sends_templates = any("send_template" in step for step in each)
        self.vars = {name for step in each for name in as_mapping(step.get("set"))}
        self.templates = {
            str(name) for file in files for name in iter_scalars(file.top("templates"))
        }


def _undefined_tags(rule: Map, defined: _DefinedNames) -> Iterator[MarkedMessage]:
    if any("{{" in tag for tag in defined.tags):
        return  # their values are unknown
    for when in iter_conditions(rule.get("when")):
        for tag in iter_scalars(when.get("tags")):
            if tag not in defined.tags:
                yield tag.mark, f"no rule sets the tag {quote_word(tag)}{_hint(tag, defined.tags)}"


def _undefined_vars(rule: Map, defined: _DefinedNames) -> Iterator[MarkedMessage]:
    used = [used for when in iter_conditions(rule.get("when")) for used in _vars_in_condition(when)]
    used += [
        used for mark, text in iter_texts(rule.get("then")) for used in _vars_in_text(mark, text)
    ]
    for mark, name in used:
        if name not in defined.vars:
            yield mark, f"no rule sets {quote_word(name)}{_hint(name, defined.vars)}"


def _vars_in_condition(when: Map) -> Iterator[MarkedMessage]:
    yield from ((mark, name) for name, mark in as_mapping(when.get("vars")).marks.items())
    yield from ((mark, "language") for name, mark in when.marks.items() if name == "language")


def _vars_in_text(mark: Mark, text: str) -> Iterator[MarkedMessage]:
    for at, name in placed_names(mark, text):
        if name.startswith("vars.") or name == "language":
            yield at, name.removeprefix("vars.")


def _unknown_templates(each: Iterable[Map], defined: _DefinedNames) -> Iterator[MarkedMessage]:
    if not defined.templates:
        return
    for name in (name for step in each for name in _template_names(step)):
        if name not in defined.templates:
            hint = suggestion_for(name, defined.templates)
            yield name.mark, f"{quote_word(name)} is not among the known `templates`; {hint}"


def _template_names(step: Map) -> Iterator[Scalar]:
    for sent in (step, as_mapping(step.get("window_closed"))):
        yield from iter_scalars(sent.get("send_template"))
    yield from iter_scalars(as_mapping(as_mapping(step.get("notify")).get("template")).get("name"))


def template_places(files: Sequence[CheckedFile]) -> dict[tuple[str, str], tuple[str, Mark]]:
    """Return where each template is named, by the rule and its name."""
    return {
        (rule_name, str(name)): (file.file, name.mark)
        for file in files
        for rule_name, rule in file.rules()
        for step in iter_steps(rule)
        for name in _template_names(step)
    }


def _misspelled_verbs(rule: Map) -> Iterator[MarkedMessage]:
    """Warn of texts that look like a verb that stands alone; quotes mark them as texts."""
    alone = {verb.replace("_", ""): verb for verb in BARE}
    for one in iter_scalars(rule.get("then")):
        letters = re.sub("[ _-]", "", one.lower()[:MAX_WORD])
        close = get_close_matches(letters, alone, n=1, cutoff=0.85)
        if one.plain and one not in BARE and close:
            meant = f"did you mean {quote_word(alone[close[0]])}? If not, {QUOTES}"
            yield one.mark, f"{quote_word(one)} is sent as a text; {meant}"


def _hint(word: str, known: Collection[str]) -> str:
    hint = suggestion_for(word, known)
    return f"; {hint}" if hint.startswith("did") else ""


PlacedRule = tuple[CheckedFile, tuple[str, Map], RuleModel]


def _place_rules(files: Sequence[CheckedFile]) -> list[PlacedRule]:
    """Return each rule of the files that have no errors: its file, its name and tree, its model."""
    return [
        (file, *one)
        for file in files
        if file.book
        for one in zip(file.rules(), file.book.rules, strict=True)
    ]


def left_out_note(files: Sequence[CheckedFile]) -> str:
    """Name the rules that answer any message but reactions and the like; "" if there are none."""
    names = [
        quote_word(name)
        for _, (name, _), rule in _place_rules(files)
        if rule.enabled
        and any("message" in one.events and left_out_types(one) for one in rule.when)
    ]
    if not names:
        return ""
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    verb = "answers" if len(names) == 1 else "answer"
    return f"{', '.join(names[:MAX_NAMED])}{more} {verb} {LEFT_OUT}"


def _lost_taps(files: Sequence[CheckedFile], *, has_templates: bool) -> Iterator[Problem]:
    """Warn of taps that nothing offers, and of offers that nothing answers."""
    placed = _place_rules(files)
    offered = [list(iter_offers(tree)) for _, (_, tree), _ in placed]
    offers = [one for each in offered for one in each]
    models = [model for _, _, model in placed]
    answered = AnsweredTaps(models)
    for (file, (name, tree), rule), own in zip(placed, offered, strict=True):
        if rule.enabled:
            lost = unoffered_taps(tree, offers, has_templates=has_templates)
            found = (*lost, *unanswered_offers(own, answered), *misled_offers(own, models))
            for mark, message in found:
                yield Problem(file.file, mark, name, message, is_warning=True)


def _possibly_empty_texts(files: Sequence[CheckedFile]) -> Iterator[Problem]:
    for file, (name, tree), rule in _place_rules(files):
        for mark, message in possibly_empty_texts(rule, tree):
            yield Problem(file.file, mark, name, message, is_warning=True)


def _idle_actions(files: Sequence[CheckedFile]) -> Iterator[Problem]:
    for file, (name, tree), rule in _place_rules(files):
        for mark, message in idle_actions(rule, tree) if rule.enabled else ():
            yield Problem(file.file, mark, name, message, is_warning=True)


def _rules_that_never_fire(files: Sequence[CheckedFile]) -> Iterator[Problem]:
    for file, (name, tree), rule in _place_rules(files):
        for when, node in zip(rule.when, as_list(tree.get("when")), strict=True):
            if when.events == ("message",) and not fired_types(when):
                yield Problem(file.file, node.mark, name, NEVER_FIRES, is_warning=True)


def _endless_notifications(files: Sequence[CheckedFile]) -> Iterator[Problem]:
    """Warn of rules by which each message of any content notifies a phone, without a limit."""
    for file, (name, tree), rule in _place_rules(files):
        is_any = any("message" in one.events and one.model_fields_set <= OPEN for one in rule.when)
        if is_any and rule.enabled and not is_limited(rule):
            for step in iter_steps(tree):
                notify = as_mapping(step.get("notify"))
                if "to" in notify and "user_id" not in notify:
                    mark = notify.marks["to"]
                    yield Problem(file.file, mark, name, ANY_MESSAGE_RINGS, is_warning=True)


def _unreachable_rules(files: Sequence[CheckedFile]) -> Iterator[Problem]:
    placed = _place_rules(files)
    models = [model for _, _, model in placed]
    limited = {model.name for model in models if is_limited(model)}
    unreachable = dict(find_unreachable(models))
    for index, names in unreachable.items():
        file, (name, rule), _ = placed[index]
        verb = "answers" if len(names) == 1 else "answer"
        above = f"{' and '.join(map(quote_word, names))} above {verb}"
        message = f"is never reached: {above} all that it would"
        if not limited.isdisjoint(names):
            message += ", also beyond a limit; `when_limited: next` there asks this rule then"
        yield Problem(file.file, rule.mark, name, message, is_warning=True)
    below = {name for index, (_, (name, _), _) in enumerate(placed) if index not in unreachable}
    yield from _wide_limits(placed, below)


def _wide_limits(placed: Sequence[PlacedRule], reached: Collection[str]) -> Iterator[Problem]:
    """Warn of limits whose messages, of any content, count as answered without the author's word.

    Only rules that are `reached` count as rules below.
    """
    for index, (file, (name, tree), rule) in enumerate(placed):
        says_nothing = is_limited(rule) and "when_limited" not in rule.model_fields_set
        is_wide = any(_is_wide(when) for when in rule.when)
        below = (one for _, (other, _), one in placed[index + 1 :] if other in reached)
        if says_nothing and is_wide and _answers(rule) and any(map(_answers, below)):
            mark = tree.marks["cooldown" if rule.cooldown else "at_most"]
            yield Problem(file.file, mark, name, BEYOND_LIMIT, is_warning=True)


def _answers(rule: RuleModel) -> bool:
    """Say whether a rule answers messages, and ends the search with it."""
    is_on = rule.enabled and not rule.shadow
    return is_on and ends_search(rule) and any("message" in when.events for when in rule.when)


def _is_wide(when: When) -> bool:
    """Say whether conditions leave open what the customer wrote, tapped or sent."""
    return not any(CONTENT & part.model_fields_set for part in when.parts())
