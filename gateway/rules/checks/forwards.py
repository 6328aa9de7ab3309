"""Checks of forwards: each has a name of its own, and rules name one that there is."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from gateway.core.forwards.forward import FORWARD
from gateway.core.sending.notifications.notification import NOTIFY
from gateway.core.text import suggestion_for
from gateway.rules.checks.rulefile_check import CheckedFile
from gateway.rules.language.call_action import iter_steps
from gateway.rules.problems import Problem, quote_word
from gateway.rules.yaml.nodes import Map, Scalar, as_list

_Named = tuple[CheckedFile, str, Scalar]  # with the rule that names it
IN_META = "takes Meta's webhooks only (`as: meta`), so no notification can go to it"
IDLE = "gets no event: it has no `events`, and no rule forwards anything to it"


def forward_errors(files: Sequence[CheckedFile]) -> Iterator[Problem]:
    """Report names of receivers that stand twice, and those that rules name and nothing has."""
    first: dict[str, str] = {}
    for file, name in _names(files):
        if name in first:
            message = f"the forward {quote_word(name)} is set at {first[name]} already"
            yield Problem(file.file, name.mark, "", message)
        first.setdefault(name, f"{file.file}:{name.mark.line}")
    for file, rule, name in _named_by_rules(files):
        if name not in first:
            yield Problem(file.file, name.mark, rule, _unknown(name, first))
    in_meta = {str(n) for file, n in _names(files) if _entry_of(file, n).get("as") == "meta"}
    for file, rule, name in _notified_by_rules(files):
        if name in in_meta:
            yield Problem(file.file, name.mark, rule, f"{quote_word(name)} {IN_META}")


def idle_forwards(files: Sequence[CheckedFile]) -> Iterator[Problem]:
    """Warn of receivers that get nothing."""
    used = {str(name) for _, _, name in _named_by_rules(files)}
    for file, name in _names(files):
        if name not in used and "events" not in _entry_of(file, name):
            yield Problem(file.file, name.mark, "", f"{quote_word(name)} {IDLE}", is_warning=True)


def _unknown(name: str, known: Mapping[str, str]) -> str:
    names: Collection[str] = known
    hint = suggestion_for(name, names) if names else "there are no `forwards` at the top"
    return f"unknown forward {quote_word(name)}; {hint}"


def _entries(file: CheckedFile) -> Iterator[Map]:
    return (one for one in as_list(file.top("forwards")) if isinstance(one, Map))


def _entry_of(file: CheckedFile, name: str) -> Map:
    return next(one for one in _entries(file) if one.get("to") == name)


def _names(files: Sequence[CheckedFile]) -> Iterator[tuple[CheckedFile, Scalar]]:
    for file in files:
        for one in _entries(file):
            if isinstance(name := one.get("to"), Scalar):
                yield file, name


def _named_by_rules(files: Sequence[CheckedFile]) -> Iterator[_Named]:
    for file, rule_name, step in _steps(files):
        if isinstance(name := step.get(FORWARD), Scalar):
            yield file, rule_name, name
    yield from _notified_by_rules(files)


def _notified_by_rules(files: Sequence[CheckedFile]) -> Iterator[_Named]:
    for file, rule_name, step in _steps(files):
        form = step.get(NOTIFY)
        if isinstance(form, Map) and isinstance(name := form.get(FORWARD), Scalar):
            yield file, rule_name, name


def _steps(files: Sequence[CheckedFile]) -> Iterator[tuple[CheckedFile, str, Map]]:
    for file in files:
        for rule_name, rule in file.rules():
            for step in iter_steps(rule):
                yield file, rule_name, step
