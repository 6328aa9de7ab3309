"""Rules for media, alone or as the header of something else."""

from gateway.sandbox.validation.schema import (
    Rule,
    all_of,
    anything,
    array,
    boolean,
    exactly_one,
    never,
    number,
    one_of,
    pattern,
    record,
    tagged,
    text,
)
from gateway.sandbox.validation.schema import text as string

CAPTION_MAX = 1024  # characters
_FILENAME_MAX = 240  # characters

LINK = pattern(r"https?://[^\s/].*", "a web address that begins with http:// or https://")
_SOURCE = {"id": string(), "link": LINK}

PLAIN: Rule = all_of(
    record({}, {**_SOURCE, "filename": string(_FILENAME_MAX)}), exactly_one("id", "link")
)
CAPTIONED: Rule = all_of(
    record({}, {**_SOURCE, "caption": string(CAPTION_MAX)}), exactly_one("id", "link")
)
DOCUMENT: Rule = all_of(CAPTIONED, PLAIN)
STICKER: Rule = all_of(PLAIN, never("caption"))
AUDIO: Rule = all_of(STICKER, record({}, {"voice": boolean}))


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
        "image": record({"image": PLAIN}),
        "document": record({"document": PLAIN}),
        "video": record({"video": PLAIN}),
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
