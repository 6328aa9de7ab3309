"""Actions under `then`: a text, a verb alone, or a mapping with one action."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import WithJsonSchema

from gateway.core.text import suggestion_for
from gateway.rules.language import contact_actions, send_actions
from gateway.rules.language.outgoing import forwarding, notify_action
from gateway.rules.language.refusals import refuse
from gateway.rules.language.short_forms import content, interactive
from gateway.rules.language.types import SCALAR, Model
from gateway.rules.problems import QUOTES, quote_word

Sending = (
    send_actions.SendText
    | send_actions.SendButtons
    | send_actions.SendList
    | send_actions.SendMedia
    | send_actions.SendTemplate
    | content.SendLocation
    | content.SendContacts
    | interactive.SendCtaUrl
    | interactive.SendLocationRequest
    | interactive.SendFlow
    | content.SendProduct
    | content.SendProducts
    | content.SendCatalog
    | send_actions.SendAction
)
Noting = (
    contact_actions.React
    | contact_actions.Tag
    | contact_actions.Untag
    | contact_actions.Set
    | contact_actions.Unset
    | contact_actions.Mute
    | contact_actions.HandOverAction
    | contact_actions.AlertAction
    | notify_action.NotifyAction
    | forwarding.ForwardAction
)
Bare = contact_actions.Signal | contact_actions.Choice

SENDS: dict[str, type[Sending]] = {model.verb: model for model in Sending.__args__}
NOTES: dict[str, type[Noting]] = {model.verb: model for model in Noting.__args__}
BARE: dict[str, type[Bare]] = {
    verb: contact_actions.Signal if verb in contact_actions.SIGNALS else contact_actions.Choice
    for verb in contact_actions.ALONE
}
# The actions that any list of actions may hold.
PLAIN_VERBS: dict[str, type[Model]] = {**SENDS, **NOTES}
LEAVE = "leave"


def parse_step(value: Any, verbs: Mapping[str, type[Model]] = PLAIN_VERBS) -> Any:
    """Read one action, a mapping with one of the `verbs`; refuse anything else."""
    if isinstance(value, str):
        if model := BARE.get(value):
            return model.model_validate({"verb": value})
        return send_actions.SendText.model_validate({"send_text": value})
    if not isinstance(value, dict):
        refuse("must be a text or a mapping with one action")
    given = [key for key in value if key in verbs]
    if len(given) > 1:
        refuse(f"holds {' and '.join(given)}; each action is an item of its own")
    return verbs[given[0]].model_validate(value) if given else refuse(_no_action(value, verbs))


def verbs_with(option: str, known: Mapping[str, type[Model]] = PLAIN_VERBS) -> list[str]:
    """Return the actions that have an option; empty for one that all messages have."""
    verbs = [verb for verb, model in known.items() if option in {*model.keys()} - {verb}]
    return verbs if len(verbs) < len(SENDS) - 1 else []


def _no_action(value: dict[str, Any], known: Mapping[str, type[Model]]) -> str:
    word = next(iter(value), "")
    if word in BARE:
        return f"{word} stands alone, without a colon"
    if verbs := verbs_with(word, known):
        beside = " or ".join(f"`{verb}`" for verb in verbs)
        return f"{quote_word(word)} is no action; it belongs beside {beside}, in the same item"
    hint = suggestion_for(word, [*known, *BARE])
    return f"{quote_word(word)} is no action (if it is a text, {QUOTES}); {hint}"


# An action in plain words may be any text, so an editor offers the verbs that stand alone too.
Alone = Annotated[str, WithJsonSchema({"anyOf": [{"enum": sorted(BARE)}, {"type": SCALAR}]})]
