"""Forwards in rules: the receivers at the top of a file, and the action that names one."""

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from gateway.core.forwards.forward import FORWARD
from gateway.core.forwards.receiver import RECEIVER_NAME, Receiver
from gateway.core.messages import Body
from gateway.core.web_address import find_address_problem
from gateway.rules.event_kinds import EVENTS
from gateway.rules.language.refusals import refuse
from gateway.rules.language.types import Matching, Model, one_of, word_of, wrap_in_list

Forwarded = Annotated[str, Matching(RECEIVER_NAME.pattern, "crm or help-desk")]
SettingName = Annotated[str, Matching(r"[A-Z][A-Z0-9_]{0,63}", "CRM_SECRET")]
NumberId = Annotated[str, Matching(r"[0-9]{1,32}", "106540352242922")]


def _url(word: str) -> str:
    if problem := find_address_problem(word):
        refuse(problem)
    return word


class ForwardModel(Model):
    """One receiver: an application that gets events by HTTP."""

    to: Forwarded = Field(description="What it is called, in rules and on the command line.")
    url: Annotated[str, AfterValidator(_url), WithJsonSchema({"type": "string"})] = Field(
        description="Where events are posted. The host may be private."
    )
    secret: SettingName = Field(
        description="The name of the setting that has its secret, or two while one is replaced."
    )
    events: Annotated[tuple[str, ...], one_of(*EVENTS)] = Field(
        default=(),
        description="The kinds of events that it gets; without it, what rules forward.",
    )
    numbers: Annotated[tuple[NumberId, ...], BeforeValidator(wrap_in_list)] = Field(
        default=(), description="The phone number ids whose events these are; else all."
    )
    form: Annotated[Literal["ours", "meta"], word_of("ours", "meta")] = Field(
        default="ours",
        alias="as",
        description="`ours` is one event, described; `meta` is Meta's own webhook.",
    )
    order: Annotated[Literal["contact", "none"], word_of("contact", "none")] = Field(
        default="contact",
        description="`contact` lets a customer's events wait for each other, `none` does not.",
    )

    def receiver(self) -> Receiver:
        """Return the receiver that it describes."""
        return Receiver(
            name=self.to,
            url=self.url,
            secret=self.secret,
            events=frozenset(self.events),
            numbers=frozenset(self.numbers),
            form=self.form,
            is_ordered=self.order == "contact",
        )


class ForwardAction(Model):
    """Hand the event on to a receiver under `forwards`."""

    verb: ClassVar[str] = FORWARD
    forward: Forwarded = Field(description="What the receiver is called under `forwards`.")

    def body(self) -> Body:
        """Return the receiver's name."""
        return {FORWARD: self.forward}
