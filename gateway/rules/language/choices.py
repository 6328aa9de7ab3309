"""What a customer can tap: buttons, and the rows of a list."""

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from gateway.core.messages import Row, Section, length_limits
from gateway.rules.language.shape import Model
from gateway.rules.language.taking import Limited, wrong


def _trimmed(word: str) -> str:
    return word if word == word.strip() else wrong("has space around it, which Meta refuses")


ButtonId = Annotated[str, Limited(length_limits.BUTTON_ID), AfterValidator(_trimmed)]
ButtonTitle = Annotated[str, Limited(length_limits.BUTTON_TITLE)]
RowId = Annotated[str, Limited(length_limits.ROW_ID), AfterValidator(_trimmed)]


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
        wrong(f"has {len(titles)} buttons; Meta takes 1 to {length_limits.BUTTONS}")
    if len(set(titles.values())) < len(titles):
        wrong("two buttons have the same title, which Meta refuses")
    return titles


def _rows(rows: dict[str, RowText]) -> dict[str, RowText]:
    return rows or wrong("has no rows")


def _sections(sections: dict[str, dict[str, RowText]]) -> dict[str, dict[str, RowText]]:
    if not sections:
        wrong("has no sections")
    ids = [id_ for rows in sections.values() for id_ in rows]
    if len(set(ids)) < len(ids):
        wrong("two rows have the same id")
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


def parted(
    rows: dict[str, RowText] | None, sections: dict[str, dict[str, RowText]] | None
) -> list[Section]:
    """Give the sections of a list; rows that are not parted need no title."""
    named = {"": rows} if rows else sections or {}
    return [
        Section(title, tuple(Row(id_, row.title, row.description) for id_, row in inner.items()))
        for title, inner in named.items()
    ]
