"""Models of carousels: two to ten cards, all of one kind.

https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/interactive-media-carousel-messages
https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/interactive-product-carousel-messages
"""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from gateway.sandbox.validation.media_and_templates import Link, Media
from gateway.sandbox.validation.schema import Number, Part, Text, WithNamesake, lacks, must


class _CardHeader(WithNamesake):
    type: Literal["image", "video"]
    image: Media | None = None
    video: Media | None = None


class _CardText(Part):
    text: Text = Field(max_length=160)


class _CardPage(Part):
    display_text: Text = Field(max_length=20)
    url: Link


class _QuickReply(Part):
    id: Text
    title: Text = Field(max_length=20)


class _QuickReplyButton(Part):
    type: Literal["quick_reply"]
    quick_reply: _QuickReply


class _CardAction(Part):
    name: Literal["cta_url"] | None = None
    parameters: _CardPage | None = None
    buttons: list[_QuickReplyButton] | None = Field(None, min_length=1)
    catalog_id: Text | None = None
    product_retailer_id: Text | None = None


class _InteractiveCard(Part):
    card_index: Annotated[Number, Field(ge=0, le=9)]
    type: Literal["cta_url", "product"] | None = None
    header: _CardHeader | None = None
    body: _CardText | None = None
    action: _CardAction

    @model_validator(mode="after")
    def _check_kind(self) -> Self:
        if self.type == "product":
            _require(self.action, "catalog_id", "product_retailer_id")
        elif self.header is None:
            lacks(".header")
        elif self.action.buttons is None:
            _require(self.action, "parameters")
        return self

    @property
    def kind(self) -> tuple[Any, ...]:
        """Return what must be the same of all cards."""
        return (
            self.type == "product",
            self.header and self.header.type,
            self.action.catalog_id,
            len(self.action.buttons or ()),
        )


def _require(action: _CardAction, *names: str) -> None:
    for name in names:
        if getattr(action, name) is None:
            lacks(f".action.{name}")


class Cards(Part):
    """Action of a carousel."""

    cards: Annotated[
        list[_InteractiveCard],
        Field(min_length=2, max_length=10),
        must(
            lambda cards: len({card.card_index for card in cards}) == len(cards),
            "not repeat a card_index",
        ),
        must(lambda cards: len({card.kind for card in cards}) == 1, "have cards of one kind"),
    ]
