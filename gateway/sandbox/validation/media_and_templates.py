"""Rules for media, alone or as the header of something else."""

from gateway.sandbox.validation.schema import (
    Rule,
    all_of,
    boolean,
    exactly_one,
    never,
    pattern,
    record,
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
