"""Building blocks of the models of bodies, and Meta's refusal for what a model rejects."""

import re
from collections.abc import Callable
from typing import Annotated, Any, NoReturn, Self, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from gateway.sandbox.errors import Refusal, invalid, missing, wrong_type

# Other fields of an object pass, as Meta adds fields often.
Part = BaseModel

Text = Annotated[str, Field(min_length=1)]


def broken(rule: str) -> PydanticCustomError:
    """Return the error of a value that breaks a rule; `rule` ends the sentence "must"."""
    return PydanticCustomError("rule", "It should {rule}", {"rule": rule})


def must(holds: Callable[[Any], object], rule: str) -> AfterValidator:
    """Require something of a value of the right type; `rule` ends the sentence "must"."""

    def check(value: Any) -> Any:
        if not holds(value):
            raise broken(rule)
        return value

    return AfterValidator(check)


def matching(expression: str, wanted: str) -> AfterValidator:
    """Require a string of a certain form; `wanted` ends the sentence "must be"."""
    return must(re.compile(expression, re.DOTALL).fullmatch, f"be {wanted}")


def _refuse_flag(value: object) -> object:
    if isinstance(value, bool):
        raise PydanticCustomError("float_type", "It should be a number")
    return value


# Meta also accepts a number that is written as a string.
Number = Annotated[float, BeforeValidator(_refuse_flag)]


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def leave_out(_: object) -> NoReturn:
    """Refuse a field that belongs to other kinds of message."""
    raise PydanticCustomError("unexpected_type", "It should be left out")


def kind(name: str) -> Tag:
    """Return the tag of a union's model for objects of this `type`."""
    return Tag(f"<{name}>")


def _kind_of(value: object) -> str | None:
    name = value.get("type") if isinstance(value, dict) else None
    return None if name is None else f"<{_lower(name)}>"


BY_KIND = Discriminator(_kind_of)


def lacks(*endings: str) -> NoReturn:
    """Refuse an object that has none of these fields, each written as the end of the path."""
    raise PydanticCustomError("missing", "", {"endings": endings})


class WithOneOf(Part):
    """Object that has one of two fields, and not both."""

    _choice: tuple[str, str]

    @model_validator(mode="after")
    def _check_choice(self) -> Self:
        given = [name for name in self._choice if getattr(self, name) is not None]
        if not given:
            lacks(*(f".{name}" for name in self._choice))
        if len(given) > 1:
            raise broken(f"have only one of {', '.join(self._choice)}")
        return self


class WithNamesake(Part):
    """Object that must have the field named by its `type`; fields of other types are ignored."""

    @model_validator(mode="before")
    @classmethod
    def _drop_others(cls, given: object) -> object:
        if not isinstance(given, dict):
            return given
        name = _lower(given.get("type"))
        names = get_args(cls.model_fields["type"].annotation)
        others = [one for one in names if one != name]
        return {key: given[key] for key in given if key not in others} | {"type": name}

    @model_validator(mode="after")
    def _check_namesake(self) -> Self:
        name: str = self.type  # type: ignore[attr-defined]  # each subclass has its own
        if getattr(self, name) is None:
            lacks(f".{name}")
        return self


_OF_TYPE = ("_type", "_parsing")  # the ends of their names


def refusal_of(error: ValidationError) -> Refusal:
    """Return Meta's refusal for the first error, without what the caller wrote."""
    first = error.errors()[0]
    name, path, context = first["type"], _path(first), first.get("ctx", {})
    if name == "missing" or first["input"] is None:
        paths = (path + ending for ending in context.get("endings", ("",)))
        return missing(" or ".join(each.removeprefix(".") for each in paths))
    if name == "union_tag_invalid":
        kinds = re.sub("['<>]", "", context["expected_tags"])
        return invalid(f"{path}.type", f"be one of {kinds}")
    if name == "union_tag_not_found" and isinstance(first["input"], dict):
        return missing(f"{path}.type")
    if name in ("union_tag_not_found", "model_type"):
        return wrong_type(path, "be an object")
    if name == "string_too_short":
        return invalid(path, "not be empty")
    refuse = wrong_type if name.endswith(_OF_TYPE) else invalid
    return refuse(path, first["msg"].partition(" should ")[2])


def _path(error: ErrorDetails) -> str:
    """Return the path of the error, as in `a.b[0].c`, without the kinds that lead there."""
    steps = [step for step in error["loc"] if not str(step).startswith("<")]
    written = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    return "".join(written).removeprefix(".")
