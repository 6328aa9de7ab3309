"""Refusals of one value for several reasons, which an author is told at once."""

from collections.abc import Callable, Iterable, Sequence
from typing import NoReturn

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from gateway.rules.problems import Mark


def refuse(message: str, mark: Mark | None = None) -> NoReturn:
    """Refuse a value with a message of ours, and with a place if that is not the value itself."""
    raise PydanticCustomError("rules", "{message}", {"message": message, "mark": mark})


def refuse_all(errors: Sequence[PydanticCustomError]) -> None:
    """Refuse a value for each of several reasons at once; accept it if there is none."""
    if errors:
        details = [InitErrorDetails(type=error, input=None) for error in errors]
        raise ValidationError.from_exception_data("rules", details)


def collect_refusals(checks: Iterable[Callable[[], object]]) -> list[PydanticCustomError]:
    """Return the refusal of each check that refuses."""
    errors = []
    for check in checks:
        try:
            check()
        except PydanticCustomError as error:
            errors.append(error)
    return errors
