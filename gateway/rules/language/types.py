"""Types of the values in rules, with error messages for authors."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import CoreSchema, core_schema

from gateway.core.messages import length_limits
from gateway.core.messages.placeholders import without_placeholders
from gateway.core.text import suggestion_for
from gateway.rules.language.refusals import collect_refusals, refuse, refuse_all
from gateway.rules.problems import QUOTES, quote_word
from gateway.rules.text import PatternError, compile_pattern, normalize, spaced_words
from gateway.rules.yaml.nodes import Scalar

# YAML's type of a word is not what the author meant, so an editor accepts all of these as text.
SCALAR = ["string", "number", "boolean"]


class TextCheck:
    """A check of a text, also expressed as JSON Schema for editors."""

    __slots__ = ()

    def check(self, text: str) -> str:
        """Return the text, or refuse it with a message."""
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


def wrap_in_list(value: Any) -> Any:
    """Return a list, wrapping a single value in one."""
    if value in ([], ()):
        refuse("an empty list")
    return value if isinstance(value, list | tuple) else [value]


def one_of(*words: str) -> BeforeValidator:
    """Accept one or several of a closed set of words."""
    return BeforeValidator(
        lambda value: _require_all_known(wrap_in_list(value), words),
        json_schema_input_type=tuple[_word_enum(words), ...],  # type: ignore[misc]
    )


def word_of(*words: str) -> BeforeValidator:
    """Accept one of a closed set of words."""
    return BeforeValidator(
        lambda value: _require_known(value, words), json_schema_input_type=_word_enum(words)
    )


def _word_enum(words: tuple[str, ...]) -> Any:
    return Annotated[str, WithJsonSchema({"enum": list(words)})]


def _require_all_known(given: Iterable[Any], words: tuple[str, ...]) -> tuple[str, ...]:
    refuse_all(collect_refusals(partial(_require_known, word, words) for word in given))
    return tuple(map(str, given))


def _require_known(word: Any, words: tuple[str, ...]) -> str:
    if not isinstance(word, str) or word not in words:
        mark = word.mark if isinstance(word, Scalar) else None
        refuse(f"{quote_word(word)} is not known; {suggestion_for(str(word), words)}", mark)
    return str(word)


@dataclass(frozen=True, slots=True)
class Limited(TextCheck):
    """Check that a text is within Meta's length limit, placeholders left out."""

    max_length: int

    def check(self, text: str) -> str:
        """Return the text, or refuse it if it is too long or empty."""
        if (count := len(without_placeholders(text))) > self.max_length:
            refuse(length_limits.too_long_reason(count, self.max_length))
        return text if text.strip() else refuse(f"empty; if the text begins with `#`, {QUOTES}")

    def schema(self) -> dict[str, Any]:
        """Let an editor count the characters of a text that has no placeholders."""
        return {"pattern": r"\S", "anyOf": [{"maxLength": self.max_length}, {"pattern": r"\{\{"}]}


@dataclass(frozen=True, slots=True)
class Matching(TextCheck):
    """Check that a text matches an expression as a whole."""

    expression: str
    example: str

    def check(self, word: str) -> str:
        """Return the word, or refuse it with an example that matches."""
        fits = re.fullmatch(self.expression, word)
        return word if fits else refuse(f"must look like {self.example}")

    def schema(self) -> dict[str, Any]:
        """Say the same in the terms of JSON Schema."""
        # If a plain 1 or true matches, an editor must not read it as a number or a boolean.
        is_plain = any(re.fullmatch(self.expression, word) for word in ("1", "true"))
        constraint = {"pattern": f"^({self.expression})$", "examples": [self.example]}
        return {"type": SCALAR if is_plain else "string"} | constraint


class Model(BaseModel):
    """Part of a rules file; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def keys(cls) -> list[str]:
        """Return the keys as they are written."""
        return [field.alias or name for name, field in cls.model_fields.items()]


class Tests(Model):
    """Tests, at least one of which must be given."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        return self if self.model_fields_set else refuse(f"needs one of {', '.join(self.keys())}")


MAX_NAME = 100
MAX_EMOJI = 16  # code points: a family, a flag of a region
NUMBER = r"-?[0-9]{1,15}(\.[0-9]{1,15})?"
SECURE, INSECURE = "https://", "http://"
INSECURE_LINK = f"must begin with {SECURE}: a file is not fetched over {INSECURE}"
GROUP = re.compile(r"(?<!\\)\(\?P?<(\w+)>")


def _version(word: str) -> str:
    return word if word == "1" else refuse(f"{quote_word(word)} is not known; this gateway reads 1")


def _name(word: str) -> str:
    if len(word) > MAX_NAME or not word.isprintable():
        refuse(f"must be one line of up to {MAX_NAME} characters")
    return _require_text(word)


def _require_text(word: str) -> str:
    return word.strip() or refuse("empty")


def _require_comparable(word: str) -> str:
    return word if normalize(word) else refuse("empty")


def _require_words(word: str) -> str:
    return (
        word
        if spaced_words(normalize(word))
        else refuse(f"{quote_word(word)} has no letters; use `contains`")
    )


def _pattern(source: str) -> str:
    try:
        compile_pattern(source or refuse("empty"))
    except PatternError as error:
        refuse(str(error))
    names = GROUP.findall(source)
    if twice := next((name for name in names if names.count(name) > 1), None):
        refuse(
            f"two groups are called {quote_word(twice)}, of which only the first would be looked at"
        )
    return source


def _code(value: Any) -> Any:
    is_code = isinstance(value, str) and value.isdecimal() and len(value) <= 9
    return int(value) if is_code else refuse("must be one of Meta's error codes, such as 131047")


def _number(value: Any) -> Any:
    is_number = isinstance(value, str) and re.fullmatch(NUMBER, value)
    return float(value) if is_number else refuse("must be a number such as 5 or 38.7")


def _link(word: str) -> str:
    if word.startswith(INSECURE):
        refuse(INSECURE_LINK)
    is_link = word.startswith(SECURE) and not any(letter.isspace() for letter in word)
    if not is_link and not word.isdecimal() and "{{" not in word:
        refuse("must be a link such as https://example.com/menu.pdf, or the digits of Meta's id")
    return word


def _emoji(word: str) -> str:
    word = word.strip()
    if not word or word.isascii() or len(word) > MAX_EMOJI:
        refuse("must be one emoji")
    return word


Version = Annotated[str, AfterValidator(_version), WithJsonSchema({"enum": [1, "1"]})]
Name = Annotated[str, AfterValidator(_name)]
VarName = Annotated[str, Matching(r"[A-Za-z_][A-Za-z0-9_]{0,63}", "size or shoe_size")]
VarNames = Annotated[tuple[VarName, ...], BeforeValidator(wrap_in_list)]
Codes = Annotated[tuple[Annotated[int, BeforeValidator(_code)], ...], BeforeValidator(wrap_in_list)]
Number = Annotated[
    float, BeforeValidator(_number, json_schema_input_type=Annotated[str, Matching(NUMBER, "5")])
]

Ids = Annotated[
    tuple[Annotated[str, AfterValidator(_require_text)], ...], BeforeValidator(wrap_in_list)
]
Texts = Annotated[
    tuple[Annotated[str, AfterValidator(_require_comparable)], ...], BeforeValidator(wrap_in_list)
]
Phrases = Annotated[
    tuple[Annotated[str, AfterValidator(_require_words)], ...], BeforeValidator(wrap_in_list)
]
Pattern = Annotated[str, AfterValidator(_pattern)]

Sendable = Annotated[str, Limited(length_limits.TEXT)]
Link = Annotated[str, AfterValidator(_link)]
Emoji = Annotated[str, AfterValidator(_emoji)]
TemplateName = Annotated[str, Matching(r"[a-z0-9_]{1,512}", "order_shipped")]
Language = Annotated[str, Matching(r"[a-z]{2,3}(_[A-Z]{2,4})?", "en or pt_BR")]
