"""Rules for templates."""

from gateway.sandbox.validation import media_and_templates
from gateway.sandbox.validation.schema import (
    Rule,
    anything,
    array,
    number,
    one_of,
    pattern,
    record,
    tagged,
    text,
)

NAME_MAX = 512  # characters
_BUTTONS_MAX = 10
_LINE = pattern(r"(?!.* {5})[^\n\t]+", "one line, without tabs and more than four spaces in a row")

_PARAMETER = tagged(
    "type",
    {
        "text": record({"text": _LINE}, {"parameter_name": text()}),
        "currency": record(
            {
                "currency": record(
                    {
                        "fallback_value": text(),
                        "code": text(),
                        "amount_1000": number(-(10**15), 10**15),
                    }
                )
            }
        ),
        "date_time": record({"date_time": record({"fallback_value": text()})}),
        "image": record({"image": media_and_templates.PLAIN}),
        "document": record({"document": media_and_templates.PLAIN}),
        "video": record({"video": media_and_templates.PLAIN}),
        "location": record({"location": record({"latitude": anything, "longitude": anything})}),
        "payload": record({"payload": text()}),
        "action": record({"action": record({})}),
        "coupon_code": record({"coupon_code": text()}),
        "limited_time_offer": record({"limited_time_offer": record({})}),
    },
)
_PARAMETERS = {"parameters": array(_PARAMETER)}
_COMPONENT = tagged(
    "type",
    {
        "header": record({}, _PARAMETERS),
        "body": record({}, _PARAMETERS),
        "button": record({"sub_type": text(), "index": number(0, _BUTTONS_MAX - 1)}, _PARAMETERS),
        "limited_time_offer": record({}, _PARAMETERS),
        "carousel": record({"cards": array(record({"components": array(record({}))}), least=1)}),
    },
)

TEMPLATE: Rule = record(
    {
        "name": text(NAME_MAX),
        "language": record({"code": text()}, {"policy": one_of("deterministic")}),
    },
    {"components": array(_COMPONENT)},
)
