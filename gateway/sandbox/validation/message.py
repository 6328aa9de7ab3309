"""Judge of a whole request: the fields of every message, and the table of types."""

from typing import Annotated, Any, Literal, Self, get_args

from pydantic import (
    AfterValidator,
    Field,
    StrictBool,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from gateway.sandbox.errors import INVALID, UNSUPPORTED_TYPE, Refusal, wrong_type
from gateway.sandbox.validation import media_and_templates
from gateway.sandbox.validation.interactive import Interactive
from gateway.sandbox.validation.schema import (
    Number,
    Part,
    Text,
    WithNamesake,
    broken,
    lacks,
    matching,
    must,
    refusal_of,
)
from gateway.sandbox.wire import GROUP, WAMID, Json, is_user_id, phone_digits


class _Context(Part):
    message_id: Text


class _Text(Part):
    body: Text = Field(max_length=4096)
    preview_url: StrictBool | None = None


class _Location(Part):
    latitude: Number = Field(ge=-90, le=90)
    longitude: Number = Field(ge=-180, le=180)
    name: Text | None = None
    address: Text | None = None


class _Name(Part):
    formatted_name: Text


class _Contact(Part):
    name: _Name
    phones: list[dict[str, Any]] | None = None
    emails: list[dict[str, Any]] | None = None
    urls: list[dict[str, Any]] | None = None


class _Reaction(Part):
    message_id: Text
    emoji: Annotated[str, matching(r"|.*[^\x00-\x7f].*", "an emoji or empty")]


_Type = Literal[
    "text", "image", "video", "document", "audio", "sticker", "location", "contacts", "reaction",
    "interactive", "template",
]  # fmt: skip


def _check_to(to: str, info: ValidationInfo) -> str:
    """Require a phone number; the id of a group has no form that Meta describes."""
    if info.data.get("recipient_type") != GROUP and not phone_digits(to):
        raise broken("be a phone number")
    return to


class _Message(WithNamesake):
    recipient_type: Literal["individual", "group"] | None = None
    to: Annotated[Text, AfterValidator(_check_to)] | None = None
    recipient: Annotated[str, must(is_user_id, "be a user id")] | None = None
    context: _Context | None = None
    biz_opaque_callback_data: str | None = Field(None, max_length=512)
    type: _Type
    text: _Text | None = None
    image: media_and_templates.CaptionedMedia | None = None
    video: media_and_templates.CaptionedMedia | None = None
    document: media_and_templates.Document | None = None
    audio: media_and_templates.Audio | None = None
    sticker: media_and_templates.Sticker | None = None
    location: _Location | None = None
    contacts: list[_Contact] | None = Field(None, min_length=1, max_length=257)
    reaction: _Reaction | None = None
    interactive: Interactive | None = None
    template: media_and_templates.SentTemplate | None = None

    @model_validator(mode="after")
    def _check_recipient(self) -> Self:
        if not (self.to or self.recipient):
            lacks(".to")
        return self


class _TypingIndicator(Part):
    type: Literal["text"]


class _ReadMark(Part):
    status: Literal["read"]
    message_id: Annotated[str, matching(rf"{WAMID}.+", "the id of a message of a customer")]
    typing_indicator: _TypingIndicator | None = None


def is_read_mark(body: Json) -> bool:
    """Return whether this marks a message as read (and perhaps shows typing) instead of sending."""
    return "status" in body


def check_message(body: Json) -> Refusal | None:
    """Check one request body; None means that Meta would accept it."""
    if body.get("messaging_product") != "whatsapp":
        return Refusal(INVALID, "Parameter messaging_product is required and must be whatsapp.")
    if is_read_mark(body):
        return _refusal(_ReadMark, body)
    name = body.get("type", "text")
    if not isinstance(name, str):
        return wrong_type("type", "be a string")
    if name not in get_args(_Type):
        names = ", ".join(get_args(_Type))
        return Refusal(UNSUPPORTED_TYPE, f"Parameter type must be one of {names}.")
    return _refusal(_Message, {**body, "type": name})


def _refusal(model: type[Part], body: Json) -> Refusal | None:
    try:
        model.model_validate(body)
    except ValidationError as error:
        return refusal_of(error)
    return None
