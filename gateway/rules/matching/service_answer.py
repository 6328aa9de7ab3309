"""What follows a service's answer: its branch in the rule that called, and the actions of it."""

from collections.abc import Sequence

from gateway.core.messages import Body
from gateway.core.messages.filters import ANSWERED, Value
from gateway.core.messages.placeholders import Lookup
from gateway.core.planning.decision import FiredRule
from gateway.core.services.answer import FAILED, OK, ServiceAnswer, value_at
from gateway.rules.language.call_action import ANSWER_MESSAGES
from gateway.rules.matching import placeholder_values
from gateway.rules.matching.action import DEFAULT, CompiledAction
from gateway.rules.matching.answered_messages import has_messages, read_messages
from gateway.rules.matching.facts import EventFacts
from gateway.rules.matching.rule import Rule
from gateway.rules.matching.steps import StepsRun
from gateway.rules.text import truncate

GONE = "the rule has no such call any more, so nothing follows"
NO_BRANCH = "the rule has no branch for it, so nothing follows"


def fire_branch(rule: Rule | None, answer: ServiceAnswer, facts: EventFacts) -> FiredRule:
    """Build the actions that follow an answer, with the contact as it is now."""
    call = _find_call(rule, answer)
    if rule is None or call is None:
        return FiredRule(answer.rule, f"{_describe(answer, answer.failure)}; {GONE}", ())
    name, messages, why = _choose(call, answer)
    run = StepsRun(
        facts,
        rule.name,
        is_late=facts.is_old and not rule.of_any_age,
        has_message=bool(answer.values.get("id")),
        answered=messages,
    )
    steps = call.branches.get(name, call.branches[DEFAULT] if messages else ())
    run.run(steps, lambda: _lookup(answer, facts))
    said = _describe(answer, why)
    notes = [f"{said}, so `{name}` follows" if steps else f"{said}; {NO_BRANCH}", *run.notes]
    return FiredRule(
        rule.name,
        "; ".join(notes),
        tuple(run.actions),
        lacks_message=run.lacks_message,
        left_out=tuple(run.left_out),
    )


def _describe(answer: ServiceAnswer, failure: str) -> str:
    if failure:
        return f"the service {answer.service} failed: {failure}"
    return f"the service {answer.service} answered {answer.status}"


def _find_call(rule: Rule | None, answer: ServiceAnswer) -> CompiledAction | None:
    """Return the call in the rule as it is now, which may have changed since."""
    if rule is None or not rule.enabled:
        return None
    same = [one for one in rule.steps if one.request and one.request.signature == answer.signature]
    exact = (one for one in same if one.position == answer.position)
    return next(exact, same[0] if same else None)


def _choose(call: CompiledAction, answer: ServiceAnswer) -> tuple[str, Sequence[Body], str]:
    """Return the branch, the answer's messages where they are sent, and why they cannot be."""
    name = answer.choose_branch(call.branches.keys())
    steps = call.branches.get(name, ())
    is_default = name == OK and name not in call.branches and has_messages(answer.content)
    if not is_default and all(step.verb != ANSWER_MESSAGES for step in steps):
        return name, (), answer.failure
    messages, wrong = read_messages(answer.content)
    if wrong:
        return FAILED, (), f"it answered {answer.status} with messages that are refused: {wrong}"
    return name, messages, ""


def _lookup(answer: ServiceAnswer, facts: EventFacts) -> Lookup:
    """Return the values of placeholders: of the answer, of the event that asked, and of now."""
    known = placeholder_values.Known(
        facts.event, facts.contact, facts.now, facts.hours, answer.values
    )
    find = placeholder_values.lookup(known)

    def find_answered(name: str) -> Value:
        if name.startswith(ANSWERED):
            return truncate(value_at(answer.content, name.removeprefix(ANSWERED)))
        return answer.moments.get(name) or find(name)

    return find_answered
