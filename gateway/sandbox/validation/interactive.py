"""Models of interactive messages, one for each kind."""

from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field

from gateway.sandbox.validation.carousel import Cards
from gateway.sandbox.validation.media_and_templates import Link, NamedMedia
from gateway.sandbox.validation.schema import (
    BY_KIND,
    Part,
    Text,
    WithNamesake,
    WithOneOf,
    kind,
    lacks,
    leave_out,
    must,
)

# All lengths are in characters.
# https://developers.facebook.com/documentation/business-messaging/whatsapp/messages
_ROWS_MAX = 10
_OWN_IDS = "not repeat an id"


class _Header(WithNamesake):
    type: Literal["text", "image", "video", "document"]
    text: Text | None = Field(None, max_length=60)
    image: NamedMedia | None = None
    video: NamedMedia | None = None
    document: NamedMedia | None = None


class _TextHeader(_Header):
    type: Literal["text"]


class _Body(Part):
    text: Text = Field(max_length=1024)


class _ListBody(Part):
    text: Text = Field(max_length=4096)


class _Footer(Part):
    text: Text = Field(max_length=60)


class _Reply(Part):
    id: Text = Field(max_length=256)
    title: Text = Field(max_length=20)


class _ReplyButton(Part):
    type: Literal["reply"]
    reply: _Reply


def _have_own_ids(parts: "list[_Reply] | list[_Row]") -> bool:
    return len({part.id for part in parts}) == len(parts)


class _ReplyButtons(Part):
    buttons: Annotated[
        list[_ReplyButton],
        Field(min_length=1, max_length=3),
        must(lambda buttons: _have_own_ids([one.reply for one in buttons]), _OWN_IDS),
    ]


class _Row(Part):
    id: Text = Field(max_length=200)
    title: Text = Field(max_length=24)
    description: Text | None = Field(None, max_length=72)


class _Section(Part):
    rows: list[_Row] = Field(min_length=1)
    title: Text | None = Field(None, max_length=24)


def _rows(sections: list[_Section]) -> list[_Row]:
    return [row for section in sections for row in section.rows]


def _check_titles(sections: list[_Section]) -> list[_Section]:
    untitled = [index for index, section in enumerate(sections) if not section.title]
    if untitled and len(sections) > 1:
        lacks(f"[{untitled[0]}].title")
    return sections


class _Sections(Part):
    button: Text = Field(max_length=20)
    sections: Annotated[
        list[_Section],
        Field(min_length=1, max_length=10),
        must(lambda given: len(_rows(given)) <= _ROWS_MAX, f"have at most {_ROWS_MAX} rows in all"),
        must(lambda given: _have_own_ids(_rows(given)), _OWN_IDS),
        AfterValidator(_check_titles),
    ]


class _Product(Part):
    product_retailer_id: Text


class _CatalogProduct(_Product):
    catalog_id: Text


class _ProductSection(Part):
    product_items: list[_Product] = Field(min_length=1, max_length=30)
    title: Text | None = Field(None, max_length=24)


class _Products(Part):
    catalog_id: Text
    sections: list[_ProductSection] = Field(min_length=1, max_length=10)


class _Page(Part):
    display_text: Text = Field(max_length=20)
    url: Link


class _FlowPayload(Part):
    screen: Text | None = None
    data: dict[str, Any] | None = None


class _Flow(WithOneOf):
    _choice = ("flow_id", "flow_name")
    flow_message_version: Text
    flow_cta: Text = Field(max_length=30)
    flow_id: Text | None = None
    flow_name: Text | None = None
    flow_token: Text | None = None
    mode: Literal["draft", "published"] | None = None
    flow_action: Literal["navigate", "data_exchange"] | None = None
    flow_action_payload: _FlowPayload | None = None


# https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/address-messages
class _AddressForm(Part):
    country: Text
    values: dict[str, Any] | None = None
    saved_addresses: list[dict[str, Any]] | None = None
    validation_errors: dict[str, Any] | None = None


class _Order(Part):
    reference_id: Text


_Action = TypeVar("_Action")
_Name = TypeVar("_Name")


class _Named(Part, Generic[_Name]):
    name: _Name


class _Call(Part, Generic[_Name, _Action]):
    name: _Name
    parameters: _Action


class _Bodiless(Part, Generic[_Action]):
    action: _Action
    body: _Body | None = None
    header: _Header | None = None
    footer: _Footer | None = None


class _InteractiveMessage(_Bodiless[_Action], Generic[_Action]):
    body: _Body


class _List(Part):
    action: _Sections
    body: _ListBody
    header: _TextHeader | None = None
    footer: _Footer | None = None


class _InteractiveCarousel(Part):
    action: Cards
    body: _Body
    header: Annotated[None, BeforeValidator(leave_out)] = None
    footer: Annotated[None, BeforeValidator(leave_out)] = None


class _ProductList(_InteractiveMessage[_Products]):
    header: _TextHeader


Interactive = Annotated[
    Annotated[_InteractiveMessage[_ReplyButtons], kind("button")]
    | Annotated[_List, kind("list")]
    | Annotated[_InteractiveMessage[_Call[Literal["cta_url"], _Page]], kind("cta_url")]
    | Annotated[_InteractiveMessage[_Call[Literal["flow"], _Flow]], kind("flow")]
    | Annotated[
        _InteractiveMessage[_Call[Literal["address_message"], _AddressForm]],
        kind("address_message"),
    ]
    | Annotated[_InteractiveCarousel, kind("carousel")]
    | Annotated[
        _InteractiveMessage[_Named[Literal["send_location"]]], kind("location_request_message")
    ]
    | Annotated[
        _InteractiveMessage[_Named[Literal["request_contact_info"]]], kind("request_contact_info")
    ]
    | Annotated[
        _Bodiless[_Named[Literal["call_permission_request"]]], kind("call_permission_request")
    ]
    | Annotated[_Bodiless[_CatalogProduct], kind("product")]
    | Annotated[_ProductList, kind("product_list")]
    | Annotated[_InteractiveMessage[_Named[Literal["catalog_message"]]], kind("catalog_message")]
    | Annotated[
        _InteractiveMessage[_Call[Literal["review_and_pay"], _Order]], kind("order_details")
    ]
    | Annotated[_InteractiveMessage[_Call[Literal["review_order"], _Order]], kind("order_status")],
    BY_KIND,
]
