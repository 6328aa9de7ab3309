"""Rules for each kind of interactive message."""

from collections.abc import Callable, Hashable
from typing import Any

from gateway.sandbox.errors import Refusal, invalid, missing
from gateway.sandbox.validation import media_and_templates
from gateway.sandbox.validation.schema import (
    Rule,
    all_of,
    anything,
    array,
    exactly_one,
    one_of,
    record,
    tagged,
    text,
)

# All lengths are in characters.
# https://developers.facebook.com/documentation/business-messaging/whatsapp/messages
BODY_MAX = 1024
LIST_BODY_MAX = 4096
HEADER_MAX = 60
FOOTER_MAX = 60
BUTTONS_MAX = 3
BUTTON_ID_MAX = 256
BUTTON_TITLE_MAX = 20
LIST_BUTTON_MAX = 20
SECTIONS_MAX = 10
ROWS_MAX = 10
ROW_ID_MAX = 200
ROW_TITLE_MAX = 24
ROW_DESCRIPTION_MAX = 72
SECTION_TITLE_MAX = 24
CTA_DISPLAY_TEXT_MAX = 20
FLOW_CTA_MAX = 30
_PRODUCTS_MAX = 30


def _distinct(key: Callable[[Any], Hashable]) -> Rule:
    def check(values: list[Any], path: str) -> Refusal | None:
        ids = [key(value) for value in values]
        return None if len(set(ids)) == len(ids) else invalid(path, "must not repeat an id")

    return check


def _check_row_count(sections: list[dict[str, Any]], path: str) -> Refusal | None:
    rows = [row for section in sections for row in section["rows"]]
    if len(rows) > ROWS_MAX:
        return invalid(path, f"must have at most {ROWS_MAX} rows in all")
    return _distinct(lambda row: row["id"])(rows, path)


def _check_titles(sections: list[dict[str, Any]], path: str) -> Refusal | None:
    untitled = [index for index, section in enumerate(sections) if not section.get("title")]
    return missing(f"{path}[{untitled[0]}].title") if untitled and len(sections) > 1 else None


def _body(longest: int) -> Rule:
    return record({"text": text(longest)})


_TEXT_HEADER = tagged("type", {"text": record({"text": text(HEADER_MAX)})})
_HEADER = tagged(
    "type",
    {
        "text": record({"text": text(HEADER_MAX)}),
        "image": record({"image": media_and_templates.PLAIN}),
        "video": record({"video": media_and_templates.PLAIN}),
        "document": record({"document": media_and_templates.PLAIN}),
    },
)
_AROUND = {"header": _HEADER, "footer": record({"text": text(FOOTER_MAX)})}

_BUTTON = record(
    {
        "type": one_of("reply"),
        "reply": record({"id": text(BUTTON_ID_MAX), "title": text(BUTTON_TITLE_MAX)}),
    }
)
_BUTTONS = all_of(
    array(_BUTTON, least=1, most=BUTTONS_MAX), _distinct(lambda button: button["reply"]["id"])
)

_ROW = record(
    {"id": text(ROW_ID_MAX), "title": text(ROW_TITLE_MAX)},
    {"description": text(ROW_DESCRIPTION_MAX)},
)
_SECTION = record({"rows": array(_ROW, least=1)}, {"title": text(SECTION_TITLE_MAX)})
_SECTIONS = all_of(array(_SECTION, least=1, most=SECTIONS_MAX), _check_row_count, _check_titles)

_PRODUCTS = array(record({"product_retailer_id": text()}), least=1, most=_PRODUCTS_MAX)
_PRODUCT_SECTION = record({"product_items": _PRODUCTS}, {"title": text(SECTION_TITLE_MAX)})

_FLOW = all_of(
    record(
        {"flow_message_version": text(), "flow_cta": text(FLOW_CTA_MAX)},
        {
            "flow_id": text(),
            "flow_name": text(),
            "flow_token": text(),
            "mode": one_of("draft", "published"),
            "flow_action": one_of("navigate", "data_exchange"),
            "flow_action_payload": record({}, {"screen": text(), "data": record({})}),
        },
    ),
    exactly_one("flow_id", "flow_name"),
)


def _message(action: Rule, *, body: int = BODY_MAX) -> Rule:
    return record({"action": action, "body": _body(body)}, _AROUND)


def _headless(action: Rule, *, body: int = BODY_MAX) -> Rule:
    return record({"action": action, "body": _body(body)}, {**_AROUND, "header": _TEXT_HEADER})


def _bodiless(action: Rule) -> Rule:
    return record({"action": action}, {**_AROUND, "body": _body(BODY_MAX)})


def _named_action(name: str, parameters: Rule | None = None) -> Rule:
    return record(
        {"name": one_of(name)} | ({"parameters": parameters} if parameters else {}),
        {} if parameters else {"parameters": anything},
    )


_ORDER = record({"reference_id": text()})

INTERACTIVE: Rule = tagged(
    "type",
    {
        "button": _message(record({"buttons": _BUTTONS})),
        "list": _headless(
            record({"button": text(LIST_BUTTON_MAX), "sections": _SECTIONS}), body=LIST_BODY_MAX
        ),
        "cta_url": _message(
            _named_action(
                "cta_url",
                record(
                    {"display_text": text(CTA_DISPLAY_TEXT_MAX), "url": media_and_templates.LINK}
                ),
            )
        ),
        "flow": _message(_named_action("flow", _FLOW)),
        "location_request_message": _message(_named_action("send_location")),
        "request_contact_info": _message(_named_action("request_contact_info")),
        "call_permission_request": _bodiless(_named_action("call_permission_request")),
        "product": _bodiless(record({"catalog_id": text(), "product_retailer_id": text()})),
        "product_list": record(
            {
                "action": record(
                    {
                        "catalog_id": text(),
                        "sections": array(_PRODUCT_SECTION, least=1, most=SECTIONS_MAX),
                    }
                ),
                "body": _body(BODY_MAX),
                "header": _TEXT_HEADER,
            },
            {"footer": _AROUND["footer"]},
        ),
        "catalog_message": _message(_named_action("catalog_message")),
        "order_details": _message(_named_action("review_and_pay", _ORDER)),
        "order_status": _message(_named_action("review_order", _ORDER)),
    },
)
