"""Conditions of a rule, as they are written under `when`."""

from collections.abc import Iterator
from functools import partial
from typing import Annotated, Any, Literal, NamedTuple, get_args

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from gateway.core.events import CallOutcome
from gateway.rules.event_kinds import EVENTS, kind_of_field, types_with_path
from gateway.rules.language.condition_parts.answered_campaign import Campaign
from gateway.rules.language.condition_parts.data_paths import NamesPaths
from gateway.rules.language.refusals import collect_refusals, refuse, refuse_all
from gateway.rules.language.times.durations import Duration
from gateway.rules.language.types import (
    Codes,
    Ids,
    Model,
    Number,
    Pattern,
    Phrases,
    Tests,
    Texts,
    VarName,
    one_of,
    word_of,
    wrap_in_list,
)
from gateway.rules.problems import quote_word
from gateway.rules.yaml.nodes import Map

STATUSES = ("sent", "delivered", "read", "played", "failed")
MEDIA = ("image", "video", "audio", "voice", "document", "sticker")
ANY = "any"
CALL_OUTCOMES = tuple(word for word in get_args(CallOutcome) if word)
# The tests of a text by a pattern.
PATTERN_TESTS = ("matches", "matches_raw")


class TextPattern(NamedTuple):
    """A regular expression, and the test that searches it."""

    test: str
    source: str


class TextTest(Tests):
    """What a text must be like; all that is given must hold."""

    equals: Texts | None = Field(default=None, description="The whole text is one of these.")
    any_of: Texts | None = Field(default=None, description="The same as `equals`.")
    contains: Texts | None = Field(
        default=None, description="One of these stands anywhere in the text."
    )
    word: Phrases | None = Field(default=None, description="One of these is among its whole words.")
    starts_with: Texts | None = Field(
        default=None, description="The text begins with one of these."
    )
    exactly: Texts | None = Field(
        default=None,
        description="The text is one of these as written, but for the space around it.",
    )
    matches: Pattern | None = Field(
        default=None,
        description="The tidy text fits this regular expression in RE2's syntax.",
    )
    matches_raw: Pattern | None = Field(
        default=None, description="The text as written fits this regular expression."
    )

    def patterns(self) -> Iterator[TextPattern]:
        """Yield the regular expressions."""
        for test in PATTERN_TESTS:
            if source := getattr(self, test):
                yield TextPattern(test, source)


def _text_test(value: Any) -> Any:
    return {"equals": value} if isinstance(value, str | list) else value


TextTests = Annotated[
    TextTest, BeforeValidator(_text_test, json_schema_input_type=Texts | TextTest)
]


class DataTest(TextTest):
    """What a value of Meta's must be like; all that is given must hold."""

    at_least: Number | None = Field(default=None, description="It is this number or more.")
    at_most: Number | None = Field(default=None, description="It is this number or less.")
    present: bool | None = Field(
        default=None, description="`yes`: Meta tells it at all; `no`: Meta does not."
    )


DataTests = Annotated[
    DataTest, BeforeValidator(_text_test, json_schema_input_type=Texts | DataTest)
]


class Referral(Tests):
    """What the ad or post that a message came from must be like; all that is given must hold."""

    source_id: Ids | None = Field(
        default=None, description="Meta's id of the ad or post, one of these."
    )
    source_type: Annotated[tuple[str, ...], one_of("ad", "post")] | None = Field(
        default=None, description="`ad` or `post`."
    )
    headline: TextTests | None = Field(
        default=None, description="Tests the ad's headline as a text."
    )


class Age(Tests):
    """How old an event must be."""

    older: Duration | None = Field(default=None, description="More time has passed than this.")
    younger: Duration | None = Field(default=None, description="Less time has passed than this.")


def _referral(value: Any) -> Any:
    if isinstance(value, dict):
        return Referral.model_validate(value)
    if value not in ("yes", "no"):
        refuse(f"must be yes, no or a mapping with {', '.join(Referral.keys())}")
    return value == "yes"


def _not_empty(tests: dict[str, Any]) -> dict[str, Any]:
    return tests or refuse("needs a path, such as order.text")


class Conditions(Model):
    """Conditions that must all hold."""

    type: Ids | None = Field(
        default=None,
        description="The message is of this type, in Meta's words: text, image, order, …",
    )
    text: TextTests | None = Field(
        default=None, description="What was written, a caption, or the title that was tapped."
    )
    tapped: Ids | None = Field(
        default=None, description="The id of the button or list row that was tapped, exactly."
    )
    media: Annotated[tuple[str, ...], one_of(*MEDIA, ANY)] | None = Field(
        default=None, description=f"A file came: {', '.join(MEDIA)}, or `any`."
    )
    reaction: Ids | None = Field(
        default=None, description="A reaction with this emoji came, or with `any`."
    )
    referral: Annotated[
        Referral | bool | None, BeforeValidator(_referral, json_schema_input_type=Referral | bool)
    ] = Field(
        default=None, description="The message came from an ad: `yes`, `no`, or tests of the ad."
    )
    order: bool | None = Field(
        default=None, description="The message is an order from the catalog."
    )
    campaign: Campaign | None = Field(
        default=None, description="The message answers this campaign, within 7 days of it."
    )
    data: Annotated[dict[str, DataTests], AfterValidator(_not_empty), NamesPaths()] | None = Field(
        default=None, description="What Meta tells of the event: paths, and tests of each."
    )
    status: Annotated[tuple[str, ...], one_of(*STATUSES)] | None = Field(
        default=None, description=f"With `event: status`, what Meta tells: {', '.join(STATUSES)}."
    )
    code: Codes | None = Field(
        default=None, description="With `event: status`, Meta's error code of what failed."
    )
    call: Annotated[tuple[str, ...], one_of(*CALL_OUTCOMES)] | None = Field(
        default=None, description=f"What became of a call: {', '.join(CALL_OUTCOMES)}."
    )
    field: Ids | None = Field(
        default=None,
        description="The webhook field of an event that is neither message nor status.",
    )
    number: Ids | None = Field(
        default=None, description="Our phone number id, of the number that was written to."
    )
    sender: Ids | None = Field(
        default=None, alias="from", description="The customer: a phone number, or Meta's user id."
    )
    language: Ids | None = Field(
        default=None,
        description="The customer's language, as a rule noted it: `set: {language: pt}`.",
    )
    first_contact: bool | None = Field(
        default=None, description="The customer never wrote to this number before."
    )
    silent_for: Duration | None = Field(
        default=None, description="The customer's last message before this one is at least so old."
    )
    tags: Ids | None = Field(default=None, description="The customer has one of these tags.")
    vars: dict[VarName, Texts] | None = Field(
        default=None,
        description="What rules noted of the customer: a name, and one of these texts.",
    )
    handed_over: bool | None = Field(
        default=None, description="A person answers the customer at present."
    )
    muted: bool | None = Field(
        default=None, description="Rules send the customer nothing: muted, or handed over."
    )
    window: Annotated[Literal["open", "closed"], word_of("open", "closed")] | None = Field(
        default=None,
        description="Whether Meta takes free-form messages: 24 hours from a message or call on.",
    )
    inside: Ids | None = Field(default=None, description="It is within these named hours.")
    outside: Ids | None = Field(default=None, description="It is outside of these named hours.")
    age: Age | None = Field(
        default=None, description="How old the event is; a rule that names it answers at any age."
    )
    any: Annotated[tuple["Conditions", ...] | None, BeforeValidator(wrap_in_list)] = Field(
        default=None, description="One of these mappings holds."
    )
    all: Annotated[tuple["Conditions", ...] | None, BeforeValidator(wrap_in_list)] = Field(
        default=None, description="All of these mappings hold."
    )
    none: Annotated[tuple["Conditions", ...] | None, BeforeValidator(wrap_in_list)] = Field(
        default=None, alias="not", description="None of these mappings holds."
    )

    @model_validator(mode="before")
    @classmethod
    def _event_on_top(cls, value: Any) -> Any:
        if isinstance(value, Map) and "event" in value and "event" not in cls.model_fields:
            refuse("`event` stands at the top of `when` only", value.marks["event"])
        return value

    def parts(self) -> Iterator["Conditions"]:
        """Yield the conditions and all those combined in them."""
        yield self
        for inner in (*(self.any or ()), *(self.all or ()), *(self.none or ())):
            yield from inner.parts()

    def named_types(self) -> frozenset[str]:
        """Return the types of messages that the conditions name, but for those under `not`."""
        words = (*(self.type or ()), "reaction") if self.reaction else self.type or ()
        paths = (types for name in self.data or () if (types := types_with_path(name)))
        own = frozenset(map(str.lower, words)).union(*paths)
        inner = (*(self.any or ()), *(self.all or ()))
        return own.union(*(one.named_types() for one in inner))

    def patterns(self) -> Iterator[TextPattern]:
        """Return the regular expressions whose groups are placeholders, in the file's order."""
        if self.text:
            yield from self.text.patterns()
        for inner in (*(self.any or ()), *(self.all or ())):
            yield from inner.patterns()


class When(Conditions):
    """The conditions of a rule, and the events that they are for."""

    event: Annotated[tuple[str, ...], one_of(*EVENTS)] | None = Field(
        default=None,
        exclude=True,  # from the meaning, which has `events`
        description=f"What happened: {', '.join(EVENTS)}.",
    )

    @property
    def events(self) -> tuple[str, ...]:
        """Return the kinds of events that may match: messages, unless the rule says otherwise."""
        of_fields = tuple(dict.fromkeys(map(kind_of_field, self.field or ())))
        return self.event or of_fields or (("call",) if self.call else ("message",))

    @model_validator(mode="after")
    def _beside_its_event(self) -> "When":
        refuse_all(collect_refusals(partial(refuse, text) for text in self._misplaced()))
        return self

    def _misplaced(self) -> Iterator[str]:
        """Yield the reasons why conditions do not go with the events of the rule."""
        if self.events != ("status",):
            for name in ("status", "code"):
                if any(getattr(part, name) for part in self.parts()):
                    yield f"`{name}` needs `event: status` beside it"
        if self.events != ("call",) and any(part.call for part in self.parts()):
            yield "`call` needs `event: call` beside it"
        if self.events != ("message",) and any(part.campaign for part in self.parts()):
            yield "`campaign` is for messages, so no other event stands beside it"
        fields = [one for part in self.parts() for one in part.field or ()]
        others = [field for field in fields if kind_of_field(field) not in self.events]
        for field in others:
            yield f"the field {quote_word(field)} needs `event: {kind_of_field(field)}`"
        if fields and not others and {"message", "status"} & {*self.events}:
            yield "`field` is for events that are neither message nor status"
