"""Descriptions of a message's content in the OpenAPI document, one for each form of it."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from gateway.core.messages import length_limits as limits


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid")


class TemplateIn(_Form):
    """A template in the short form."""

    name: str
    language: str
    params: list[str | int | float] | dict[str, str | int | float | list[Any] | dict[str, Any]] = []


class _Framed(_Form):
    text: str = Field(max_length=limits.BUTTONS_TEXT)
    header: str | None = Field(None, max_length=limits.HEADER)
    footer: str | None = Field(None, max_length=limits.FOOTER)


class ButtonsIn(_Framed):
    """A text with up to three buttons: their titles, by the ids that a tap sends."""

    buttons: dict[str, str] = Field(min_length=1, max_length=limits.BUTTONS)


class RowIn(_Form):
    """A row of a list."""

    title: str = Field(max_length=limits.ROW_TITLE)
    description: str | None = Field(None, max_length=limits.ROW_DESCRIPTION)


class ListIn(_Framed):
    """A text with a list of up to ten rows: by the ids that a tap sends, under titles or not."""

    text: str = Field(max_length=limits.LIST_TEXT)
    button: str = Field(max_length=limits.LIST_BUTTON)
    rows: dict[str, str | RowIn] | None = None
    sections: dict[str, dict[str, str | RowIn]] | None = None


class CtaUrlIn(_Framed):
    """A text with a button that opens a web page."""

    button: str = Field(max_length=limits.URL_BUTTON)
    url: str


class LocationRequestIn(_Form):
    """A text with a button by which the customer sends a location."""

    text: str = Field(max_length=limits.BUTTONS_TEXT)


class FlowIn(_Framed):
    """A text with a button that opens a flow, named by its id or its name."""

    button: str = Field(max_length=limits.FLOW_BUTTON)
    flow: str = Field(max_length=limits.FLOW_NAME)
    screen: str | None = Field(None, max_length=limits.FLOW_NAME)
    data: dict[str, Any] | None = None
    token: str | None = Field(None, max_length=limits.FLOW_NAME)
    draft: bool | None = None


class LocationIn(_Form):
    """A place on the map, in degrees."""

    latitude: float | str
    longitude: float | str
    name: str | None = Field(None, max_length=limits.PLACE)
    address: str | None = Field(None, max_length=limits.PLACE)


class ContactCardIn(_Form):
    """A contact that the customer may save."""

    name: str = Field(max_length=limits.PLACE)
    phones: list[str] | None = None
    emails: list[str] | None = None
    urls: list[str] | None = None
    company: str | None = Field(None, max_length=limits.PLACE)


class ProductIn(_Form):
    """One product of a catalog."""

    product: str = Field(max_length=limits.RETAILER_ID)
    catalog: str = Field(max_length=limits.RETAILER_ID)
    caption: str | None = Field(None, max_length=limits.BUTTONS_TEXT)
    footer: str | None = Field(None, max_length=limits.FOOTER)


class ProductsIn(_Framed):
    """Up to thirty products of a catalog, under titles."""

    header: str = Field(max_length=limits.HEADER)
    catalog: str = Field(max_length=limits.RETAILER_ID)
    sections: dict[str, list[str]] = Field(min_length=1, max_length=limits.SECTIONS)


class CatalogIn(_Form):
    """A text with a button that opens the whole catalog."""

    text: str = Field(max_length=limits.BUTTONS_TEXT)
    thumbnail: str | None = Field(None, max_length=limits.RETAILER_ID)
    footer: str | None = Field(None, max_length=limits.FOOTER)


class ContentIn(BaseModel):
    """Content of a message: one of these; beside `type`, the part of that name in Meta's form."""

    type: str | None = None
    text: str | dict[str, Any] | None = Field(
        None, description=f"Up to {limits.TEXT:,} characters."
    )
    template: TemplateIn | dict[str, Any] | None = None
    buttons: ButtonsIn | None = None
    # Not `list`, which is a word of Python that annotations below need.
    choices: ListIn | None = Field(None, alias="list")
    cta_url: CtaUrlIn | None = None
    location_request: LocationRequestIn | None = None
    flow: FlowIn | None = None
    location: LocationIn | dict[str, Any] | None = None
    contacts: list[ContactCardIn] | list[dict[str, Any]] | None = None
    product: ProductIn | None = None
    products: ProductsIn | None = None
    catalog: CatalogIn | None = None
    image: dict[str, Any] | None = Field(None, description="In Meta's form, as the next ones.")
    video: dict[str, Any] | None = None
    audio: dict[str, Any] | None = None
    document: dict[str, Any] | None = None
    sticker: dict[str, Any] | None = None
    reaction: dict[str, Any] | None = None
    interactive: dict[str, Any] | None = None
