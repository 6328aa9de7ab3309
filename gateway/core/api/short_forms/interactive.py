"""Short forms of interactive messages: buttons, lists, links, flows, requests for a location."""

from collections.abc import Mapping

from gateway.core import messages
from gateway.core.api.field_errors import FieldReader, escape
from gateway.core.api.short_forms.fields import (
    nested,
    read_address,
    read_frame,
    read_mapping,
    read_optional_text,
    read_text,
)
from gateway.core.messages import Body, FlowStart, ListRow, Section, length_limits

_ROW = frozenset({"title", "description"})
_TEXT = length_limits.BUTTONS_TEXT


def read_buttons(reader: FieldReader) -> Body:
    """Read a text with up to three buttons, by the ids that a tap sends."""
    text = read_text(reader, "text", _TEXT)
    given = read_mapping(reader, "buttons", length_limits.BUTTONS, length_limits.BUTTON_ID)
    inner = FieldReader(given, f"{reader.pointer}/buttons", reader.errors)
    titles = {id_: read_text(inner, id_, length_limits.BUTTON_TITLE) for id_ in given}
    if len(set(titles.values())) < len(titles):
        reader.add("buttons", "has two buttons with the same title, which Meta refuses")
    return messages.buttons(text, titles, *read_frame(reader))


def read_list(reader: FieldReader) -> Body:
    """Read a text with up to ten rows behind a button; rows stand in sections, or alone."""
    text = read_text(reader, "text", length_limits.LIST_TEXT)
    button = read_text(reader, "button", length_limits.LIST_BUTTON)
    sections = _read_sections(reader)
    ids = [row.id for section in sections for row in section.rows]
    if len(ids) > length_limits.ROWS:
        reader.add("", f"has {len(ids)} rows; Meta takes {length_limits.ROWS}")
    if len(set(ids)) < len(ids):
        reader.add("sections", "has two rows with the same id")
    return messages.choices(text, button, sections, *read_frame(reader))


def _read_sections(reader: FieldReader) -> list[Section]:
    given = [name for name in ("rows", "sections") if reader.fields.get(name) is not None]
    if len(given) != 1:
        reader.add("", "needs either rows or sections")
        return []
    if given == ["rows"]:
        return [Section("", _read_rows(reader, "rows"))]
    titles = read_mapping(reader, "sections", length_limits.SECTIONS, length_limits.SECTION_TITLE)
    inner = FieldReader(titles, f"{reader.pointer}/sections", reader.errors)
    return [Section(title, _read_rows(inner, title)) for title in titles]


def _read_rows(reader: FieldReader, name: str) -> tuple[ListRow, ...]:
    rows = read_mapping(reader, name, length_limits.ROWS, length_limits.ROW_ID)
    inner = FieldReader(rows, f"{reader.pointer}/{escape(name)}", reader.errors)
    return tuple(_read_row(inner, id_) for id_ in rows)


def _read_row(reader: FieldReader, id_: str) -> ListRow:
    """Read a row: its title, or an object of title and description."""
    if not isinstance(reader.fields[id_], Mapping):
        return ListRow(id_, read_text(reader, id_, length_limits.ROW_TITLE))
    inner = nested(reader, id_, _ROW)
    if inner is None:
        return ListRow(id_, "")
    title = read_text(inner, "title", length_limits.ROW_TITLE)
    about = read_optional_text(inner, "description", length_limits.ROW_DESCRIPTION)
    return ListRow(id_, title, about)


def read_cta_url(reader: FieldReader) -> Body:
    """Read a text with a button that opens a web page."""
    text = read_text(reader, "text", _TEXT)
    button = read_text(reader, "button", length_limits.URL_BUTTON)
    return messages.cta_url(text, button, read_address(reader, "url"), *read_frame(reader))


def read_location_request(reader: FieldReader) -> Body:
    """Read a text with a button by which the customer sends a location."""
    return messages.location_request(read_text(reader, "text", _TEXT))


def read_flow(reader: FieldReader) -> Body:
    """Read a text with a button that opens a flow."""
    data = reader.fields.get("data") or {}
    if not isinstance(data, Mapping):
        reader.add("data", "must be an object: what the first screen of the flow gets")
        data = {}
    screen = read_optional_text(reader, "screen", length_limits.FLOW_NAME)
    if data and not screen:
        reader.add("data", "needs screen: the screen that gets it")
    start = FlowStart(
        flow=read_text(reader, "flow", length_limits.FLOW_NAME),
        screen=screen,
        data=data,
        token=read_optional_text(reader, "token", length_limits.FLOW_NAME),
        is_draft=reader.flag("draft"),
    )
    text = read_text(reader, "text", _TEXT)
    button = read_text(reader, "button", length_limits.FLOW_BUTTON)
    return messages.flow(text, button, start, *read_frame(reader))
