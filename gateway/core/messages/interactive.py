"""Bodies of interactive messages: buttons, lists, links, flows and requests for a location."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from gateway.core.messages.bodies import Body

# Meta's version of the message that opens a flow, not of the flow.
FLOW_MESSAGE_VERSION = "3"


class ListRow(NamedTuple):
    """One row of a list, with the id that a tap on it sends."""

    id: str
    title: str
    description: str = ""


class Section(NamedTuple):
    """Rows of a list under a title."""

    title: str
    rows: tuple[ListRow, ...]


class FlowStart(NamedTuple):
    """A flow and its start; where there is no screen, the flow's endpoint names the first one."""

    flow: str  # Meta's id of it, or its name
    screen: str = ""
    data: Mapping[str, Any] = {}  # for the first screen
    token: str = ""  # the flow's answer and its endpoint get it
    is_draft: bool = False


def buttons(body: str, titles: Mapping[str, str], header: str = "", footer: str = "") -> Body:
    """Build a message with up to three buttons; `titles` are by the ids that a tap sends."""
    replies = [
        {"type": "reply", "reply": {"id": id_, "title": title}} for id_, title in titles.items()
    ]
    return interactive("button", body, {"buttons": replies}, header, footer)


def choices(
    body: str, button: str, sections: Sequence[Section], header: str = "", footer: str = ""
) -> Body:
    """Build a message with a list that opens behind a button."""
    section_bodies = [_section(section) for section in sections]
    return interactive("list", body, {"button": button, "sections": section_bodies}, header, footer)


def cta_url(body: str, button: str, url: str, header: str = "", footer: str = "") -> Body:
    """Build a message with a button that opens a web page."""
    parameters = {"display_text": button, "url": url}
    return interactive(
        "cta_url", body, {"name": "cta_url", "parameters": parameters}, header, footer
    )


def location_request(body: str) -> Body:
    """Build a message with a button by which the customer sends a location."""
    return interactive("location_request_message", body, {"name": "send_location"})


def flow(body: str, button: str, start: FlowStart, header: str = "", footer: str = "") -> Body:
    """Build a message with a button that opens a flow."""
    which = "flow_id" if start.flow.isdecimal() else "flow_name"
    parameters: Body = {
        "flow_message_version": FLOW_MESSAGE_VERSION,
        which: start.flow,
        "flow_cta": button,
        "flow_action": "navigate" if start.screen else "data_exchange",
    }
    if start.token:
        parameters["flow_token"] = start.token
    if start.is_draft:
        parameters["mode"] = "draft"
    if start.screen:
        data = {"data": dict(start.data)} if start.data else {}
        parameters["flow_action_payload"] = {"screen": start.screen} | data
    return interactive("flow", body, {"name": "flow", "parameters": parameters}, header, footer)


def interactive(
    kind: str, body: str, action: Mapping[str, Any], header: str = "", footer: str = ""
) -> Body:
    """Build an interactive message of a kind; a text that is empty is left out."""
    inner: Body = {"type": kind}
    if header:
        inner["header"] = {"type": "text", "text": header}
    if body:
        inner["body"] = {"text": body}
    if footer:
        inner["footer"] = {"text": footer}
    return {"type": "interactive", "interactive": inner | {"action": dict(action)}}


def _section(section: Section) -> Body:
    rows = [
        {"id": row.id, "title": row.title}
        | ({"description": row.description} if row.description else {})
        for row in section.rows
    ]
    return ({"title": section.title} if section.title else {}) | {"rows": rows}
