"""`gateway templates pull`, `diff` and `push`: templates at Meta and in files."""

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, NamedTuple

import typer
from rich.markup import escape
from rich.text import Text

from gateway.cli.common import errors
from gateway.cli.common.options import Json, Yes
from gateway.cli.common.output import open_console, print_json
from gateway.cli.local import target
from gateway.cli.operate.templates.files import (
    USUAL_FOLDER,
    read_drafts,
    to_yaml,
    write_drafts,
)
from gateway.cli.operate.templates.sources import (
    From,
    choose_number,
    open_client,
    read_from_meta,
)
from gateway.core.formats import pluralize
from gateway.core.templates.draft import (
    TemplateDraft,
    differs,
    draft_of,
    find_draft_problems,
    read_draft,
)
from gateway.core.templates.template import MetaTemplate

DIFFERENT = 1
# Meta lets an account create so many templates in an hour.
MOST_IN_AN_HOUR = 100
Folder = Annotated[Path, typer.Option(help="Folder of the files.")]
_TONES = {"+": "green", "-": "red", "@": "cyan"}


class FileChange(NamedTuple):
    """A difference between a file and Meta: `new` here, `changed`, or `only at Meta`."""

    kind: str
    key: str
    draft: TemplateDraft | None
    template: MetaTemplate | None
    fields: tuple[str, ...] = ()


def pull(folder: Folder = USUAL_FOLDER, from_: From = "") -> None:
    """Write Meta's templates into files, one for each name and language."""
    settings = target.settings()
    number = choose_number(settings, from_, at_meta=True)
    with open_client(settings, number) as client:
        found = read_from_meta(client, number)
    drafts = dict(_readable_drafts(found))
    try:
        written = list(write_drafts(folder, drafts))
    except OSError as error:
        raise errors.fail(f"{folder} cannot be written: {error.strerror}.") from None
    for path in written:
        typer.echo(path)
    typer.echo(f"{pluralize(len(drafts), 'template')}, {pluralize(len(written), 'file')} changed.")


def diff(folder: Folder = USUAL_FOLDER, from_: From = "", json: Json = False) -> None:
    """Show how files differ from what Meta has; the exit code is 1 if they do."""
    settings = target.settings()
    number = choose_number(settings, from_, at_meta=True)
    drafts = {key: draft for key, (_, draft) in read_drafts(folder).items()}
    with open_client(settings, number) as client:
        changes = list(find_changes(drafts, read_from_meta(client, number)))
    if json:
        rows = [{"kind": one.kind, "template": one.key, "fields": one.fields} for one in changes]
        print_json({"changes": rows})
    else:
        _show(changes)
    if changes:
        raise typer.Exit(DIFFERENT)


def push(folder: Folder = USUAL_FOLDER, from_: From = "", yes: Yes = False) -> None:
    """Create and edit templates at Meta as the files have them; none is deleted.

    Nothing is done unless all files pass Meta's own checks.
    """
    settings = target.settings()
    number = choose_number(settings, from_, at_meta=True)
    files = read_drafts(folder)
    _check_drafts(files)
    drafts = {key: draft for key, (_, draft) in files.items()}
    with open_client(settings, number) as client:
        found = find_changes(drafts, read_from_meta(client, number))
        changes = [one for one in found if one.draft]
        _show(changes)
        if not changes:
            return
        if len(changes) > MOST_IN_AN_HOUR:
            raise errors.fail(f"Meta takes {MOST_IN_AN_HOUR} templates an hour: push fewer.")
        if not yes:
            typer.confirm(f"Push {pluralize(len(changes), 'template')} to Meta?", abort=True)
        for one in changes:
            assert one.draft is not None  # noqa: S101 - narrows the type
            if one.template is None:
                client.create(number.waba, one.draft.to_graph())
            else:
                graph = one.draft.to_graph()
                client.edit(one.template.id, {name: graph[name] for name in one.fields})
            typer.echo(f"{one.key}: {'created' if one.template is None else 'edited'}.")


def find_changes(
    drafts: Mapping[str, TemplateDraft], at_meta: Mapping[str, MetaTemplate]
) -> Iterator[FileChange]:
    """Yield what differs between files and Meta, by name."""
    for key in sorted({*drafts, *at_meta}):
        draft, template = drafts.get(key), at_meta.get(key)
        if draft is None or template is None:
            yield FileChange("new" if draft else "only at Meta", key, draft, template)
        elif fields := differs(draft, template):
            yield FileChange("changed", key, draft, template, tuple(fields))


def _readable_drafts(
    templates: Mapping[str, MetaTemplate],
) -> Iterator[tuple[str, TemplateDraft]]:
    """Yield the drafts of Meta's templates; one that no file may have is left out with a warning.

    Its name becomes the name of a file.
    """
    for key, template in sorted(templates.items()):
        draft = draft_of(template)
        if isinstance(wrong := read_draft(draft.to_graph()), list):
            errors.errors.print(f"[yellow]warning:[/] {escape(key)} is left out: {wrong[0]}")
        else:
            yield key, draft


def _check_drafts(files: Mapping[str, tuple[Path, TemplateDraft]]) -> None:
    """End the command with everything for which Meta would refuse a file."""
    wrong = [
        f"{path}: {problem}"
        for path, draft in files.values()
        for problem in find_draft_problems(draft)
    ]
    if wrong:
        raise errors.fail("Meta would refuse these templates:\n  " + "\n  ".join(wrong))


def _show(changes: list[FileChange]) -> None:
    out = open_console()
    for one in changes:
        out.print(Text(f"{one.key}: {one.kind}", "bold"))
        if one.draft and one.template:
            before = to_yaml(draft_of(one.template)).splitlines()
            lines = difflib.unified_diff(before, to_yaml(one.draft).splitlines(), "Meta", "file")
            for line in lines:
                out.print(Text(line.rstrip("\n"), _TONES.get(line[:1], "")))
    if not changes:
        typer.echo("The files are as Meta has them.")
