"""Action that calls a service, and the actions that follow its answer; with it, all actions."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)

from gateway.core.forwards.forward import FORWARD
from gateway.core.messages import Body
from gateway.core.services.answer import FAILED, OK
from gateway.core.services.service_call import CALL
from gateway.core.text import suggestion_for
from gateway.rules.language.actions import (
    LEAVE,
    PLAIN_VERBS,
    SENDS,
    Alone,
    Bare,
    Noting,
    Sending,
    parse_step,
)
from gateway.rules.language.outgoing.services import SERVICE
from gateway.rules.language.raw_messages import restore_types
from gateway.rules.language.refusals import refuse
from gateway.rules.language.types import Limited, Model, word_of, wrap_in_list
from gateway.rules.problems import quote_word
from gateway.rules.yaml.nodes import Map, as_list

ANSWER_MESSAGES: Literal["answer.messages"] = "answer.messages"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
STATUS = re.compile(r"[1-5](\d\d|xx)")
_TARGET = re.compile(rf"({SERVICE}):(/.*)", re.DOTALL)
MOST_PATH = 2000
NO_FORWARD = "an answer is not handed on: `forward` stands beside the call"
NESTED = "an answer's actions call no service: a call is an action of the rule itself"


class CallTarget(NamedTuple):
    """A service, and the path below its address; the path may have placeholders."""

    service: str
    path: str


def split_target(target: str) -> CallTarget | None:
    """Split a target such as `orders:/orders/{{ no }}`; None if it is none."""
    found = _TARGET.fullmatch(target)
    return CallTarget(found[1], found[2]) if found else None


def _target(word: str) -> str:
    parts = split_target(word)
    if not parts:
        refuse("must be a service and a path below its address, such as orders:/orders/{{ no }}")
    plain = _with_stand_ins(parts.path)
    if "#" in plain or any(letter.isspace() for letter in plain):
        refuse("has a space or a `#` in its path")
    if not {".", ".."}.isdisjoint(plain.partition("?")[0].split("/")) or "//" in plain:
        refuse("has `..` or `//` in its path")
    return word


def _with_stand_ins(path: str) -> str:
    """Return a path with a letter in place of each placeholder."""
    first, *others = path.split("{{")
    return first + "".join(f"x{other.partition('}}')[2]}" for other in others)


Target = Annotated[str, Limited(MOST_PATH), AfterValidator(_target)]
JsonContent = Annotated[dict[str, Any] | list[Any], AfterValidator(restore_types)]


class CallForm(Model):
    """A call that is more than a GET."""

    to: Target = Field(description="The service, and the path below its address.")
    method: Annotated[str, word_of(*METHODS)] | None = Field(
        default=None, description="GET, POST, PUT, PATCH or DELETE; with content POST."
    )
    json_content: JsonContent | None = Field(
        default=None, alias="json", description="Content that is sent as JSON."
    )
    body: Annotated[str, Limited(16_384)] | None = Field(
        default=None, description="Content that is sent as a text."
    )

    @model_validator(mode="after")
    def _has_one_content(self) -> "CallForm":
        if self.json_content is not None and self.body is not None:
            refuse("`json` and `body` are both the content; one of them is enough")
        if self.method == "GET" and self.has_content:
            refuse("a GET has no content")
        return self

    @property
    def has_content(self) -> bool:
        """Say whether something is sent with the call."""
        return self.json_content is not None or self.body is not None


class AnswerMessages(Model):
    """Send the messages that the service answered with."""

    verb: Literal["answer.messages"]

    def body(self) -> Body:
        """Return no body, because the answer has the messages."""
        return {}


def _answer_step(value: Any) -> Any:
    if isinstance(value, str) and value == ANSWER_MESSAGES:
        return AnswerMessages(verb=ANSWER_MESSAGES)
    if isinstance(value, dict) and CALL in value:
        refuse(NESTED)
    if isinstance(value, dict) and FORWARD in value:
        refuse(NO_FORWARD)
    return parse_step(value)


_AnswerWord = Annotated[str, WithJsonSchema({"const": ANSWER_MESSAGES})]
AnswerStep = Annotated[
    AnswerMessages | Sending | Noting | Bare,
    BeforeValidator(_answer_step, json_schema_input_type=_AnswerWord | Sending | Noting | Alone),
]
AnswerSteps = Annotated[tuple[AnswerStep, ...], BeforeValidator(wrap_in_list)]


def _form(value: Any) -> Any:
    return {"to": value} if isinstance(value, str) else value


def _add_statuses(schema: dict[str, Any]) -> None:
    """Let an editor accept any status, with the same actions as `ok`."""
    steps = {key: value for key, value in schema["properties"][OK].items() if key != "description"}
    schema["patternProperties"] = {f"^{STATUS.pattern}$": steps}
    schema["additionalProperties"] = False


class CallAction(Model):
    """Call a service of the operator's; what follows depends on its answer."""

    model_config = ConfigDict(extra="allow", json_schema_extra=_add_statuses)
    __pydantic_extra__: dict[str, AnswerSteps]

    verb: ClassVar[str] = CALL
    call: Annotated[CallForm, BeforeValidator(_form, json_schema_input_type=Target | CallForm)] = (
        Field(description="The service and the path, such as `orders:/orders/{{ no }}`.")
    )
    ok: AnswerSteps | None = Field(
        default=None,
        description="What follows a status from 200 to 299. Without it the customer gets the "
        "messages of the answer.",
    )
    failed: AnswerSteps | None = Field(
        default=None, description="What follows where no other branch does, or no answer came."
    )

    @model_validator(mode="before")
    @classmethod
    def _knows_its_branches(cls, value: Any) -> Any:
        for key in value if isinstance(value, dict) else ():
            if key not in cls.model_fields and not STATUS.fullmatch(str(key)):
                hint = suggestion_for(str(key), cls.model_fields)
                mark = value.marks[key] if isinstance(value, Map) else None
                refuse(f"{quote_word(key)} is no branch, such as 404 or 5xx; {hint}", mark)
        return value

    @property
    def target(self) -> CallTarget:
        """Return the service and the path."""
        return split_target(self.call.to) or CallTarget("", "")

    @property
    def method(self) -> str:
        """Return the method of the request."""
        return self.call.method or ("POST" if self.call.has_content else "GET")

    def branches(self) -> Iterator[tuple[str, tuple[Any, ...]]]:
        """Yield the branches that are written, each with its actions."""
        for name in (OK, FAILED):
            if (steps := getattr(self, name)) is not None:
                yield name, steps
        yield from (self.__pydantic_extra__ or {}).items()

    def body(self) -> Body:
        """Return the request, placeholders included."""
        return {CALL: self.call.to}


def _step(value: Any) -> Any:
    return parse_step(value, VERBS)


VERBS: Mapping[str, type[Model]] = {**PLAIN_VERBS, CALL: CallAction}
# The actions by which a customer gets an answer, now or once a service answered.
REPLIES = frozenset({*SENDS, CALL, ANSWER_MESSAGES})
ENDS = frozenset({*REPLIES, LEAVE})
Step = Annotated[
    CallAction | Sending | Noting | Bare,
    BeforeValidator(_step, json_schema_input_type=CallAction | Sending | Noting | Alone),
]


def branch_nodes(step: Map) -> Sequence[tuple[str, Any]]:
    """Return the branches of a call as the file has them; none of another action."""
    if CALL not in step:
        return ()
    return [(key, node) for key, node in step.items() if key != CALL]


def iter_steps(rule: Map) -> Iterator[Map]:
    """Yield the actions of a rule that are mappings, those behind a call among them."""
    for step in as_list(rule.get("then")):
        if isinstance(step, Map):
            yield step
            for _, node in branch_nodes(step):
                yield from (one for one in as_list(node) if isinstance(one, Map))
