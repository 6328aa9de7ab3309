"""Values of a template's parameters, as rules write them."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, TypeAdapter

from gateway.core.templates.param_form import has_places, read_params
from gateway.rules.language.refusals import refuse
from gateway.rules.language.types import Sendable, VarName, wrap_in_list

NamedValues = dict[VarName, Sendable]
Values = tuple[Sendable, ...]
_NAMED: TypeAdapter[NamedValues] = TypeAdapter(NamedValues)
_IN_ORDER: TypeAdapter[Values] = TypeAdapter(Values)
_TEXT: TypeAdapter[str] = TypeAdapter(Sendable)


PlacedValues = dict[Literal["header", "body", "buttons"], dict[str, Any] | list[Any]]


def _to_plain(value: Any) -> Any:
    """Return the values of each place as texts, each within Meta's length."""
    match value:
        case dict():
            return {str(key): _to_plain(inner) for key, inner in value.items()}
        case list():
            return [_to_plain(inner) for inner in value]
        case _:
            return str(_TEXT.validate_python(value))


def _values(value: Any) -> Any:
    if has_places(value):
        places = _to_plain(value)
        if wrong := read_params(places, "").mismatches:
            refuse(f"{wrong[0].pointer[1:].replace('/', '.')} {wrong[0].detail}")
        return places
    named = isinstance(value, dict)
    return (
        _NAMED.validate_python(value) if named else _IN_ORDER.validate_python(wrap_in_list(value))
    )


ParameterValues = Annotated[
    dict[str, Any] | tuple[str, ...] | None,
    BeforeValidator(_values, json_schema_input_type=NamedValues | Values | PlacedValues),
]


def build_components(values: dict[str, Any] | tuple[str, ...] | None) -> list[Any]:
    """Return the components that `values` stand for, placeholders included."""
    return read_params(values).components if values else []
