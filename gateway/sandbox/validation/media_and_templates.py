"""Models of media, alone or as a header, and of templates."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StrictBool

from gateway.sandbox.validation.schema import (
    BY_KIND,
    Number,
    Part,
    Text,
    WithNamesake,
    WithOneOf,
    kind,
    leave_out,
    matching,
)

Link = Annotated[
    str,
    matching(r"https?://[^\s/].*", "a web address that begins with http:// or https://"),
]


class Media(WithOneOf):
    """File, by Meta's id of it or by its address."""

    _choice = ("id", "link")
    id: Text | None = None
    link: Link | None = None


class CaptionedMedia(Media):
    """Image or video."""

    caption: Text | None = Field(None, max_length=1024)


class NamedMedia(Media):
    """File that may have a name."""

    filename: Text | None = Field(None, max_length=240)


class Document(CaptionedMedia, NamedMedia):
    """Document."""


class Sticker(NamedMedia):
    """Sticker, which has no caption."""

    caption: Annotated[None, BeforeValidator(leave_out)] = None


class Audio(Sticker):
    """Audio, which has no caption either."""

    voice: StrictBool | None = None


_Line = Annotated[
    str,
    matching(r"(?!.* {5})[^\n\t]+", "one line, without tabs and more than four spaces in a row"),
]


class _Currency(Part):
    fallback_value: Text
    code: Text
    amount_1000: Number = Field(ge=-(10**15), le=10**15)


class _DateTime(Part):
    fallback_value: Text


class _Place(Part):
    latitude: Any
    longitude: Any


class _Parameter(WithNamesake):
    type: Literal[
        "text", "currency", "date_time", "image", "document", "video", "location",
        "payload", "action", "coupon_code", "limited_time_offer",
    ]  # fmt: skip
    text: _Line | None = None
    parameter_name: Text | None = None
    currency: _Currency | None = None
    date_time: _DateTime | None = None
    image: NamedMedia | None = None
    document: NamedMedia | None = None
    video: NamedMedia | None = None
    location: _Place | None = None
    payload: Text | None = None
    action: dict[str, Any] | None = None
    coupon_code: Text | None = None
    limited_time_offer: dict[str, Any] | None = None


class _Plain(Part):
    parameters: list[_Parameter] | None = None


class _ButtonComponent(_Plain):
    sub_type: Text
    index: Number = Field(ge=0, le=9)


class _Card(Part):
    components: list[dict[str, Any]]


class _Carousel(Part):
    cards: list[_Card] = Field(min_length=1)


_Component = Annotated[
    Annotated[_Plain, kind("header")]
    | Annotated[_Plain, kind("body")]
    | Annotated[_ButtonComponent, kind("button")]
    | Annotated[_Plain, kind("limited_time_offer")]
    | Annotated[_Carousel, kind("carousel")],
    BY_KIND,
]


class _Language(Part):
    code: Text
    policy: Literal["deterministic"] | None = None


class SentTemplate(Part):
    """Template by its name, and the values of its parameters."""

    name: Text = Field(max_length=512)
    language: _Language
    components: list[_Component] | None = None
