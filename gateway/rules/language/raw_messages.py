"""Raw messages: those that a rule writes in Meta's own form, with the types that Meta wants."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator

from gateway.rules.language.refusals import refuse
from gateway.rules.language.types import INSECURE, INSECURE_LINK
from gateway.rules.yaml.nodes import Scalar

NUMBER = re.compile(r"-?(0|[1-9]\d{0,14})(\.\d{1,15})?")

# Meta accepts these as text only, even if the text is a number.
TEXT_FIELDS = frozenset(
    {"body", "caption", "code", "coupon_code", "description", "display_text", "filename"}
    | {"flow_message_version", "name", "payload", "phone", "text", "title", "zip"}
)
FILLED_IN = frozenset(
    {"biz_opaque_callback_data", "message_id", "messaging_product", "recipient"}
    | {"recipient_type", "status", "to", "typing_indicator"}
)


def restore_types(value: Any, field: str = "") -> Any:
    """Return values with the types that they have in JSON: those of plain words are inferred."""
    match value:
        case dict():
            return {str(key): restore_types(inner, key) for key, inner in value.items()}
        case list():
            return [restore_types(inner, field) for inner in value]
        case Scalar(plain=True) if field not in TEXT_FIELDS and not field.endswith("id"):
            return _parse_scalar(str(value))
        case _:
            return str(value)


def _check_links(value: Any) -> Any:
    """Refuse a `link`, wherever it stands, that Meta would fetch without encryption."""
    match value:
        case dict():
            for key, inner in value.items():
                if key == "link" and isinstance(inner, str) and inner.startswith(INSECURE):
                    refuse(INSECURE_LINK, getattr(inner, "mark", None))
                _check_links(inner)
        case list():
            for inner in value:
                _check_links(inner)
        case _:
            pass
    return value


def _parse_scalar(word: str) -> str | bool | int | float:
    if word in ("true", "false"):
        return word == "true"
    number = NUMBER.fullmatch(word)
    if not number:
        return word
    return float(word) if number[2] else int(word)


def _check_graph_body(body: dict[str, Any]) -> dict[str, Any]:
    if taken := sorted(FILLED_IN & body.keys()):
        refuse(f"leave out {', '.join(taken)}, which the gateway fills in")
    kind = body.get("type")
    # Only contacts are a list.
    if not isinstance(kind, str) or not isinstance(body.get(kind), dict | list):
        refuse("needs `type` and a part of that name: {type: image, image: {...}}")
    return body


TypedValues = Annotated[dict[str, Any], AfterValidator(restore_types)]
Components = Annotated[list[Any], AfterValidator(_check_links), AfterValidator(restore_types)]
GraphBody = Annotated[
    dict[str, Any],
    AfterValidator(_check_links),
    AfterValidator(restore_types),
    AfterValidator(_check_graph_body),
]
