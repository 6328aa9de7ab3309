"""Actions that do nothing where they stand: a wait without a next message, a mark without one."""

from collections.abc import Iterator

from gateway.rules.checks.unreachable import ends_search
from gateway.rules.event_kinds import ACCOUNT_FIELDS
from gateway.rules.language.actions import SENDS
from gateway.rules.language.rulefile import RuleModel
from gateway.rules.language.send_actions import OutgoingMessage
from gateway.rules.matching.action import TO_THE_MESSAGE
from gateway.rules.matching.steps import REPORTS
from gateway.rules.problems import Mark
from gateway.rules.yaml.nodes import Map, as_list

NOTHING_WAITS = "nothing waits for this message: it is the last that the rule sends"
NO_MESSAGE = (
    "has nothing to do: such an event is no message, so there is none to mark or to react to"
)
NO_CUSTOMER = (
    "has nothing to do: such an event is about the account and has no customer; "
    "`notify` and `alert` reach you"
)


def idle_actions(rule: RuleModel, tree: Map) -> Iterator[tuple[Mark, str]]:
    """Yield what of a rule can do nothing, and where it stands."""
    if why := _idle_reason(rule):
        yield tree.mark, why
    messages = [
        (step, node)
        for step, node in zip(rule.then, as_list(tree.get("then")), strict=True)
        if step.verb in SENDS
    ]
    if not messages or not ends_search(rule):
        return
    last, node = messages[-1]
    if isinstance(last, OutgoingMessage) and last.wait:
        yield node.marks["wait"], NOTHING_WAITS


def _idle_reason(rule: RuleModel) -> str:
    """Say why none of a rule's actions does anything, "" if one of them may."""
    if ends_search(rule) and not any(step.verb in SENDS for step in rule.then):
        return ""  # it keeps the rules below from being asked
    events = {kind for when in rule.when for kind in when.events}
    if "message" not in events and all(step.verb in TO_THE_MESSAGE for step in rule.then):
        return NO_MESSAGE
    fields = [when.field or ("",) for when in rule.when]
    is_about_account = all(field in ACCOUNT_FIELDS for each in fields for field in each)
    if is_about_account and not any(step.verb in REPORTS for step in rule.then):
        return NO_CUSTOMER
    return ""
