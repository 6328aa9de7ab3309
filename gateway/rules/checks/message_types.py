"""Types of messages for which a rule can fire, as far as its conditions decide about them."""

from collections.abc import Iterator

from gateway.rules.event_kinds import ANSWERED_TYPES, types_with_path
from gateway.rules.language.conditions import ANY, MEDIA, Conditions, When

Types = frozenset[str]

TAPPED_TYPES = frozenset({"interactive", "button"})
VOICE_TYPES = frozenset({"audio", "voice"})
# Types without any text, and those of them that a rule answers only if it names them.
NAMED_TYPES = frozenset({"reaction", "revoke", "unsupported", "system", "request_welcome"})
TEXTLESS_TYPES = NAMED_TYPES | VOICE_TYPES | {"location", "contacts", "sticker"}
# Conditions that decide about nothing but the type.
TYPE_KEYS = frozenset({"type", "media", "reaction", "order"})


def fired_types(when: When) -> Types:
    """Return the types of messages for which conditions may hold; unknown types count as none."""
    return _narrow(when, ANSWERED_TYPES | when.named_types())


def left_out_types(when: When) -> Types:
    """Return the types that the conditions would admit if the rule named them."""
    return _narrow(when, NAMED_TYPES) - when.named_types()


def _narrow(when: Conditions, types: Types) -> Types:
    for allowed in (*_allowed_types(when, types), *_types_with_data(when)):
        types &= allowed
    for one in when.all or ():
        types &= _narrow(one, types)
    if when.any:
        types &= frozenset[str]().union(*(_narrow(one, types) for one in when.any))
    for one in when.none or ():
        if one.model_fields_set <= TYPE_KEYS and one.reaction in (None, (ANY,)):
            types -= _narrow(one, types)
    return types


def _allowed_types(when: Conditions, types: Types) -> Iterator[Types]:
    """Yield for each condition the types that it admits."""
    if when.type:
        yield frozenset(map(str.lower, when.type))
    if when.media:
        voice = VOICE_TYPES if "voice" in when.media else frozenset()
        yield frozenset(MEDIA if ANY in when.media else when.media) | voice
    if when.reaction:
        yield frozenset({"reaction"})
    if when.order is not None:
        yield frozenset({"order"}) if when.order else types - {"order"}
    yield from _types_with_content(when, types)


def _types_with_content(when: Conditions, types: Types) -> Iterator[Types]:
    if when.tapped:
        yield TAPPED_TYPES
    if when.text:
        yield types - TEXTLESS_TYPES
    if when.referral not in (None, False):
        yield ANSWERED_TYPES


def _types_with_data(when: Conditions) -> Iterator[Types]:
    """Yield for each path that must be there the types that have it."""
    for name, test in (when.data or {}).items():
        if test.present is not False and (types := types_with_path(name)):
            yield types
