"""How a value of a rules file is taken, or refused in words of ours."""

import re
from dataclasses import dataclass
from typing import Annotated, Any, NoReturn

from pydantic import BeforeValidator, GetCoreSchemaHandler, GetJsonSchemaHandler, WithJsonSchema
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from gateway.core.messages import length_limits
from gateway.core.rendering.placeholders import literal
from gateway.core.text import nearest
from gateway.rules.problems import QUOTES, Mark, short

# What YAML makes of a word is not what the author meant, so an editor takes all of these as text.
SCALAR = ["string", "number", "boolean"]


def wrong(message: str, mark: Mark | None = None) -> NoReturn:
    """Refuse a value in our own words, and where it is not the value itself, tell the place."""
    raise PydanticCustomError("rules", "{message}", {"message": message, "mark": mark})


class Checked:
    """A check of a text, which an editor can make too."""

    __slots__ = ()

    def check(self, text: str) -> str:
        """Give the text, or refuse it."""
        raise NotImplementedError

    def schema(self) -> dict[str, Any]:
        """Say the same in the terms of JSON Schema."""
        raise NotImplementedError

    def __get_pydantic_core_schema__(self, of: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(of))

    def __get_pydantic_json_schema__(
        self, of: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(of), **self.schema()}


def listed(value: Any) -> Any:
    """Take one value for a list of one."""
    if value in ([], ()):
        wrong("an empty list")
    return value if isinstance(value, list | tuple) else [value]


def one_of(*words: str) -> BeforeValidator:
    """Take one or some of a closed set of words."""
    return BeforeValidator(
        lambda value: tuple(_known(word, words) for word in listed(value)),
        json_schema_input_type=tuple[_words(words), ...],  # type: ignore[misc]
    )


def word_of(*words: str) -> BeforeValidator:
    """Take one of a closed set of words."""
    return BeforeValidator(lambda value: _known(value, words), json_schema_input_type=_words(words))


def _words(words: tuple[str, ...]) -> Any:
    return Annotated[str, WithJsonSchema({"enum": list(words)})]


def _known(word: Any, words: tuple[str, ...]) -> str:
    if not isinstance(word, str) or word not in words:
        wrong(f"{short(word)} is not known; {nearest(str(word), words)}")
    return str(word)


@dataclass(frozen=True, slots=True)
class Limited(Checked):
    """Take a text that is no longer than Meta takes it, placeholders left out."""

    most: int

    def check(self, text: str) -> str:
        """Refuse what is too long, and what is empty."""
        if (count := len(literal(text))) > self.most:
            wrong(length_limits.too_long(count, self.most))
        return text if text.strip() else wrong(f"empty; if the text begins with `#`, {QUOTES}")

    def schema(self) -> dict[str, Any]:
        """Let an editor count the characters of a text that has no placeholders."""
        return {"pattern": r"\S", "anyOf": [{"maxLength": self.most}, {"pattern": r"\{\{"}]}


@dataclass(frozen=True, slots=True)
class Matching(Checked):
    """Take a text that fits an expression as a whole."""

    expression: str
    example: str

    def check(self, word: str) -> str:
        """Refuse what does not fit, with an example of what would."""
        fits = re.fullmatch(self.expression, word)
        return word if fits else wrong(f"must look like {self.example}")

    def schema(self) -> dict[str, Any]:
        """Say the same in the terms of JSON Schema."""
        # Where a plain 1 or true fits, an editor must not take it for a number or a yes.
        is_plain = any(re.fullmatch(self.expression, word) for word in ("1", "true"))
        told = {"pattern": f"^({self.expression})$", "examples": [self.example]}
        return {"type": SCALAR if is_plain else "string"} | told
