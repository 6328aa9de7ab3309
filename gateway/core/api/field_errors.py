"""Field errors: what is wrong at which place of a request, by its JSON pointer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

MOST_UNKNOWN = 10  # so many unknown fields are named


class FieldError(NamedTuple):
    """What is wrong at one place; neither part repeats what the client sent."""

    pointer: str
    detail: str


@dataclass(slots=True)
class FieldReader:
    """Reads the fields of a JSON object, and notes everything that is wrong with them at once."""

    fields: Mapping[str, Any]
    pointer: str = "#"
    errors: list[FieldError] = field(default_factory=list)

    def add(self, name: str, detail: str) -> None:
        """Note what is wrong with a field, or with the object itself if the name is empty."""
        place = f"{self.pointer}/{name}" if name else self.pointer
        self.errors.append(FieldError(place, detail))

    def text(self, name: str, most: int, *, least: int = 1) -> str:
        """Return a text field, "" where it is missing or wrong."""
        value = self.fields.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            self.add(name, "must be a text")
        elif not least <= len(value) <= most:
            self.add(name, f"must have {least} to {most:,} characters")
        else:
            return value
        return ""

    def flag(self, name: str) -> bool:
        """Return a field that is true or false."""
        value = self.fields.get(name, False)
        if not isinstance(value, bool):
            self.add(name, "must be true or false")
            return False
        return value

    def integer(self, name: str, least: int, most: int) -> int | None:
        """Return a whole number within limits, None where it is missing or wrong."""
        value = self.fields.get(name)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            self.add(name, f"must be a whole number from {least:,} to {most:,}")
            return None
        return value

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        """Return one of several words, "" where it is missing or wrong."""
        value = self.fields.get(name)
        if value is None or value in choices:
            return value or ""
        self.add(name, f"must be one of {', '.join(choices)}")
        return ""

    def refuse_unknown(self, known: frozenset[str]) -> None:
        """Note fields that nothing reads."""
        if self.fields.keys() <= known:
            return
        for name in sorted(self.fields.keys() - known)[:MOST_UNKNOWN]:
            about = f"known are {', '.join(sorted(known))}" if known else "there are none here"
            self.add(escape(name), f"is unknown; {about}")


def parse_whole(text: str) -> int | None:
    """Return a whole number of up to nine digits; None for any other text."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None


def escape(name: str) -> str:
    """Return a name as a part of a JSON pointer, shortened if it is long."""
    return name[:64].replace("~", "~0").replace("/", "~1")
