"""Descriptions of the addresses of templates in the OpenAPI document."""

from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from gateway.web.api.content_descriptions import TemplateIn
from gateway.web.api.descriptions import body_of, problems_of, query_of


class ParameterOut(BaseModel):
    """A parameter of a template."""

    where: str = Field(description="header, body, or button[i].")
    key: str = Field(description="Its position from 1, or its name.")
    kind: str
    example: str | None
    max: int | None = Field(description="Characters at most.")
    required: bool


class TemplateOut(BaseModel):
    """A template in one language, in Meta's words."""

    name: str
    language: str
    status: str | None
    usable: bool
    why_not: str | None
    category: str | None
    former_category: str | None
    quality: str | None
    params: list[ParameterOut]
    components: list[dict[str, Any]] | None
    outdated: bool = Field(description="Meta has changed it since its components were read.")
    id: str | None
    seen_at: AwareDatetime | None
    source: Literal["fetch", "webhook", "refusal"]


class ListOut(BaseModel):
    """The list as it was fetched: its size, its age, and why there is no newer one."""

    count: int
    fetched_at: AwareDatetime | None
    age_s: int | None
    tried_at: AwareDatetime | None
    error: str | None


class TemplatesOut(BaseModel):
    """Templates by name, and the list from which they are."""

    data: list[TemplateOut]
    next_cursor: str | None = Field(description="Of the next page; null on the last one.")
    list: ListOut


class SyncOut(BaseModel):
    """What became of a fetch of the list."""

    step: Literal["fetched", "running"]
    list: ListOut


class PreviewIn(BaseModel):
    """A template in the short form of a message."""

    model_config = ConfigDict(extra="forbid")
    template: TemplateIn


class PreviewOut(BaseModel):
    """A page of HTML with the template as the chat shows it, and what does not fit."""

    html: str
    errors: list[dict[str, str]]


_FROM = query_of("from", {"type": "string"}, "Phone number id of the account.")
_STATUS = "A status in Meta's words, or usable, or unusable."
TEMPLATES: dict[str, Any] = {
    "responses": {200: {"model": TemplatesOut}, **problems_of("invalid")},
    "openapi_extra": {
        "parameters": [
            _FROM,
            query_of("status", {"type": "string"}, _STATUS),
            query_of("q", {"type": "string"}, "A part of the name."),
            query_of("limit", {"type": "integer", "minimum": 1, "maximum": 200}, "How many."),
            query_of("cursor", {"type": "string"}, "The next_cursor of the page before."),
        ]
    },
}
TEMPLATE: dict[str, Any] = {
    "responses": {200: {"model": TemplateOut}, **problems_of("invalid", "not-found")},
    "openapi_extra": {"parameters": [_FROM]},
}
PREVIEW: dict[str, Any] = {
    "responses": {
        200: {"model": PreviewOut},
        **problems_of("malformed", "too-large", "media-type", "invalid", "not-found"),
    },
    "openapi_extra": {**body_of(PreviewIn), "parameters": [_FROM]},
}
SYNC: dict[str, Any] = {
    "responses": {200: {"model": SyncOut}, **problems_of("conflict", "invalid", "upstream")},
    "openapi_extra": {"parameters": [_FROM]},
}
