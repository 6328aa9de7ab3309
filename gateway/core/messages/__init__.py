"""Request bodies of `POST /{Version}/{Phone-Number-ID}/messages`, in Meta's outbound names."""

from gateway.core.messages.bodies import (
    GROUP,
    LINKS,
    Body,
    ContactCard,
    contacts,
    location,
    mark_read,
    media,
    reaction,
    text,
    typing,
    with_group,
    with_recipient,
)
from gateway.core.messages.commerce import catalog_message, product, product_list
from gateway.core.messages.interactive import (
    FlowStart,
    ListRow,
    Section,
    buttons,
    choices,
    cta_url,
    flow,
    location_request,
)
from gateway.core.messages.template_bodies import template

__all__ = [
    "GROUP",
    "LINKS",
    "Body",
    "ContactCard",
    "FlowStart",
    "ListRow",
    "Section",
    "buttons",
    "catalog_message",
    "choices",
    "contacts",
    "cta_url",
    "flow",
    "location",
    "location_request",
    "mark_read",
    "media",
    "product",
    "product_list",
    "reaction",
    "template",
    "text",
    "typing",
    "with_group",
    "with_recipient",
]
