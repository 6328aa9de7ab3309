"""Actions that send no message: signals to the customer's phone, and changes of the contact."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

from pydantic import BeforeValidator, Field

from gateway.core import messages
from gateway.core.messages import Body
from gateway.rules.language.refusals import refuse
from gateway.rules.language.times.durations import Duration, read_duration
from gateway.rules.language.types import Emoji, Ids, Model, Sendable, VarName, VarNames


class Signal(Model):
    """Show on the customer's phone that the message was read, or that we are typing."""

    verb: Literal["mark_read", "typing"]

    def body(self) -> Body:
        """Build Meta's body for the message that is answered."""
        return SIGNALS[self.verb]("{{ id }}")


class React(Model):
    """React to the message with an emoji."""

    verb: ClassVar[str] = "react"
    react: Emoji = Field(description="The emoji.")

    def body(self) -> Body:
        """Build Meta's body for the message that is answered."""
        return messages.reaction("{{ id }}", self.react)


class Choice(Model):
    """Action whose verb needs no content."""

    verb: Literal["opt_out", "opt_in", "unmute", "leave"]

    def body(self) -> Body:
        """Return no body, because the verb says it all."""
        return {}


class Tag(Model):
    """Note tags of the customer."""

    verb: ClassVar[str] = "tag"
    tag: Ids = Field(description="A tag, or a list of them.")

    def body(self) -> Body:
        """Return the change of the contact, placeholders included."""
        return {"tag": list(self.tag)}


class Untag(Model):
    """Take tags from the customer."""

    verb: ClassVar[str] = "untag"
    untag: Ids = Field(description="A tag, or a list of them.")

    def body(self) -> Body:
        """Return the change of the contact, placeholders included."""
        return {"untag": list(self.untag)}


class Set(Model):
    """Note texts of the customer under names."""

    verb: ClassVar[str] = "set"
    set: dict[VarName, Sendable] = Field(description="Names, and the text that each stands for.")

    def body(self) -> Body:
        """Return the variables, placeholders included; in pairs, because a name may be any word."""
        return {"set": [list(pair) for pair in self.set.items()]}


class Unset(Model):
    """Forget what was noted under names."""

    verb: ClassVar[str] = "unset"
    unset: VarNames = Field(description="A name, or a list of them.")

    def body(self) -> Body:
        """Return the change of the contact."""
        return {"unset": list(self.unset)}


class Mute(Model):
    """Let no rule answer the customer for a while, because a person does."""

    verb: ClassVar[str] = "mute"
    mute: Duration = Field(description="For how long.")

    def body(self) -> Body:
        """Return the change of the contact."""
        return {"mute": int(self.mute.total_seconds())}


HAND_OVER = timedelta(hours=12)
MOST_REASON = 100


class Handing(NamedTuple):
    """For how long a person answers, and why."""

    lasts: timedelta
    reason: str = ""


def _handing(value: Any) -> Any:
    """Read a duration; any other text that begins with a letter is the reason."""
    if not isinstance(value, str) or not value[:1].isalpha():
        return Handing(read_duration(value))
    if len(value) > MOST_REASON or "{{" in value or not value.isprintable():
        refuse(f"must be a duration, or a reason of up to {MOST_REASON} characters in one line")
    return Handing(HAND_OVER, str(value))


class HandOverAction(Model):
    """Let a person answer the customer for a while, and no rule."""

    verb: ClassVar[str] = "hand_over"
    hand_over: Annotated[Handing, BeforeValidator(_handing, json_schema_input_type=str)] = Field(
        description="For how long, or why: then for 12 hours."
    )

    def body(self) -> Body:
        """Return the change of the contact."""
        lasts, reason = self.hand_over
        body: Body = {"hand_over": int(lasts.total_seconds())}
        return {**body, "why": reason} if reason else body


class AlertAction(Model):
    """Tell the operator."""

    verb: ClassVar[str] = "alert"
    alert: Sendable = Field(description="What the operator is told.")

    def body(self) -> Body:
        """Return the text of the alert, placeholders included."""
        return {"alert": self.alert}


# The verbs that are written without a colon.
ALONE: Mapping[str, str] = {
    "mark_read": "The customer sees blue ticks.",
    "typing": "The customer sees blue ticks and that an answer is being written.",
    "opt_out": "The customer wants no marketing from this number.",
    "opt_in": "The customer wants it again.",
    "unmute": "Rules may answer the customer again.",
    "leave": "Nothing is answered: no rule below is asked.",
}
SIGNALS = {"mark_read": messages.mark_read, "typing": messages.typing}
