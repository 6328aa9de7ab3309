"""Actions that send a message, as they are written under `then`."""

from functools import partial
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from gateway.core import messages
from gateway.core.messages import Body, ListRow, Section, length_limits
from gateway.rules.language.raw_messages import Components, GraphBody
from gateway.rules.language.refusals import collect_refusals, refuse, refuse_all
from gateway.rules.language.template_values import ParameterValues, build_components
from gateway.rules.language.types import (
    Language,
    Limited,
    Link,
    Model,
    Sendable,
    TemplateName,
    word_of,
)


def _require_trimmed(word: str) -> str:
    return word if word == word.strip() else refuse("has space around it, which Meta refuses")


ButtonId = Annotated[str, Limited(length_limits.BUTTON_ID), AfterValidator(_require_trimmed)]
ButtonTitle = Annotated[str, Limited(length_limits.BUTTON_TITLE)]
RowId = Annotated[str, Limited(length_limits.ROW_ID), AfterValidator(_require_trimmed)]


RowTitle = Annotated[str, Limited(length_limits.ROW_TITLE)]


class RowText(Model):
    """What is read in one row of a list."""

    title: RowTitle = Field(description="What the row says.")
    description: Annotated[str, Limited(length_limits.ROW_DESCRIPTION)] = Field(
        default="", description="What stands below it in small."
    )


def _row(value: Any) -> Any:
    return {"title": value} if isinstance(value, str) else value


def _buttons(titles: dict[str, str]) -> dict[str, str]:
    if not titles or len(titles) > length_limits.BUTTONS:
        refuse(f"has {len(titles)} buttons; Meta takes 1 to {length_limits.BUTTONS}")
    if len(set(titles.values())) < len(titles):
        refuse("two buttons have the same title, which Meta refuses")
    return titles


def _rows(rows: dict[str, RowText]) -> dict[str, RowText]:
    return rows or refuse("has no rows")


def _sections(sections: dict[str, dict[str, RowText]]) -> dict[str, dict[str, RowText]]:
    if not sections:
        refuse("has no sections")
    ids = [id_ for rows in sections.values() for id_ in rows]
    if len(set(ids)) < len(ids):
        refuse("two rows have the same id")
    return sections


_COUNT = {"minProperties": 1, "maxProperties": length_limits.BUTTONS}
Buttons = Annotated[
    dict[ButtonId, ButtonTitle], AfterValidator(_buttons), Field(json_schema_extra=_COUNT)
]
Rows = Annotated[
    dict[
        RowId, Annotated[RowText, BeforeValidator(_row, json_schema_input_type=RowTitle | RowText)]
    ],
    AfterValidator(_rows),
]
Sections = Annotated[
    dict[Annotated[str, Limited(length_limits.SECTION_TITLE)], Rows], AfterValidator(_sections)
]


def build_sections(
    rows: dict[str, RowText] | None, sections: dict[str, dict[str, RowText]] | None
) -> list[Section]:
    """Return the sections of a list; rows without sections need no title."""
    named = {"": rows} if rows else sections or {}
    return [
        Section(
            title, tuple(ListRow(id_, row.title, row.description) for id_, row in inner.items())
        )
        for title, inner in named.items()
    ]


KINDS = ("image", "video", "audio", "document", "sticker")
WITHOUT_CAPTION = ("audio", "sticker")

Header = Annotated[str, Limited(length_limits.HEADER)]
Footer = Annotated[str, Limited(length_limits.FOOTER)]


class OutgoingMessage(Model):
    """Message that the customer gets."""

    wait: Annotated[Literal["delivered"], word_of("delivered")] | None = Field(
        default=None,
        description="`delivered`: what follows waits until it is delivered, for a minute at most.",
    )


class SendTemplate(OutgoingMessage):
    """Send a template that Meta has approved."""

    verb: ClassVar[str] = "send_template"
    send_template: TemplateName = Field(description="The name under which Meta approved it.")
    language: Language = Field(description="The language of it, such as en or pt_BR.")
    values: ParameterValues = Field(
        default=None,
        description="Its parameters: those of the text in order or by name, or of each place.",
    )
    components: Components | None = Field(
        default=None, description="Its parameters in Meta's form, where `values` is too little."
    )
    marketing: bool = Field(default=False, description="Not for those who asked for no more.")

    def body(self) -> Body:
        """Build Meta's body, placeholders included."""
        parts = [*build_components(self.values), *(self.components or ())]
        return messages.template(self.send_template, self.language, parts)


def _when_closed(value: Any) -> Any:
    if isinstance(value, dict):
        if "wait" in value:
            refuse("`wait` belongs beside the message itself; the template in its place waits too")
        return SendTemplate.model_validate(value)
    return value if value in ("drop", "wait") else refuse("must be drop, wait or a send_template")


WhenClosed = Annotated[
    SendTemplate | Literal["drop", "wait"] | None,
    BeforeValidator(_when_closed, json_schema_input_type=SendTemplate | Literal["drop", "wait"]),
]


class FreeForm(OutgoingMessage):
    """Message that Meta accepts for 24 hours after the customer's last one."""

    window_closed: WhenClosed = Field(
        default=None, description="What follows after 24 hours: drop, wait or a send_template."
    )


class SendText(FreeForm):
    """Send a text."""

    verb: ClassVar[str] = "send_text"
    send_text: Sendable = Field(description="The text.")

    def body(self) -> Body:
        """Build Meta's body, placeholders included."""
        return messages.text(self.send_text)


class SendButtons(FreeForm):
    """Send a text with up to three buttons."""

    verb: ClassVar[str] = "send_buttons"
    send_buttons: Annotated[str, Limited(length_limits.BUTTONS_TEXT)] = Field(
        description="The text."
    )
    buttons: Buttons = Field(description="Up to three: the id that a tap tells, and the title.")
    header: Header = Field(default="", description="A line above the text.")
    footer: Footer = Field(default="", description="A line below the text.")

    def body(self) -> Body:
        """Build Meta's body, placeholders included."""
        return messages.buttons(self.send_buttons, self.buttons, self.header, self.footer)


class SendList(FreeForm):
    """Send a text with a list of up to ten rows."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["rows"]}, {"required": ["sections"]}]}
    )
    verb: ClassVar[str] = "send_list"
    send_list: Annotated[str, Limited(length_limits.LIST_TEXT)] = Field(description="The text.")
    button: Annotated[str, Limited(length_limits.LIST_BUTTON)] = Field(
        description="What opens the list."
    )
    rows: Rows | None = Field(
        default=None, description="Up to ten: the id that a tap tells, and the title."
    )
    sections: Sections | None = Field(default=None, description="Rows under titles of their own.")
    header: Header = Field(default="", description="A line above the text.")
    footer: Footer = Field(default="", description="A line below the text.")

    @model_validator(mode="after")
    def _has_rows(self) -> "SendList":
        if (self.rows is None) is (self.sections is None):
            refuse("needs either rows or sections")
        if (
            count := sum(len(part.rows) for part in build_sections(self.rows, self.sections))
        ) > length_limits.ROWS:
            refuse(f"has {count} rows; Meta takes {length_limits.ROWS}")
        return self

    def body(self) -> Body:
        """Build Meta's body, placeholders included."""
        parts = build_sections(self.rows, self.sections)
        return messages.choices(self.send_list, self.button, parts, self.header, self.footer)


class SendMedia(FreeForm):
    """Send a file: a link that Meta fetches, or the id of one that was uploaded to Meta."""

    verb: ClassVar[str] = "send_media"
    send_media: Link = Field(description="An https:// link, or Meta's id of the file.")
    kind: Annotated[str, word_of(*KINDS)] = Field(description=f"What it is: {', '.join(KINDS)}.")
    caption: Annotated[str, Limited(length_limits.CAPTION)] = Field(
        default="", description="A text below it; audio and stickers have none."
    )
    filename: Annotated[str, Limited(length_limits.FILENAME)] = Field(
        default="", description="What a document is called."
    )

    @model_validator(mode="after")
    def _fits(self) -> "SendMedia":
        checks = {
            f"{self.kind} has no caption with Meta": self.caption and self.kind in WITHOUT_CAPTION,
            "only a document has a filename": self.filename and self.kind != "document",
        }
        wrong = (text for text, is_wrong in checks.items() if is_wrong)
        refuse_all(collect_refusals(partial(refuse, text) for text in wrong))
        return self

    def body(self) -> Body:
        """Build Meta's body, placeholders included."""
        return messages.media(self.kind, self.send_media, self.caption, self.filename)


class SendAction(FreeForm):
    """Send any message that Meta knows, in Meta's own form."""

    verb: ClassVar[str] = "send"
    send: GraphBody = Field(description="The message as Meta describes it.")

    def body(self) -> Body:
        """Return Meta's body, placeholders included."""
        return dict(self.send)
