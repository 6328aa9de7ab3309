"""Templates as YAML files: one for each name and language, to be kept with the rules."""

import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import YAMLError

from gateway.cli.common import errors
from gateway.core.templates.draft import TemplateDraft, read_draft

USUAL_FOLDER = Path("templates/")
MOST_BYTES = 100_000


def file_name(draft: TemplateDraft) -> str:
    """Return the name of the file of a draft."""
    return f"{draft.name}.{draft.language}.yaml"


def to_yaml(draft: TemplateDraft) -> str:
    """Return a draft as the text of a file."""
    graph = draft.to_graph()
    if not draft.is_named:
        del graph["parameter_format"]
    yaml = YAML()
    yaml.width = 100
    yaml.indent(mapping=2, sequence=4, offset=2)
    text = io.StringIO()
    yaml.dump(graph, text)
    return text.getvalue()


def read_drafts(folder: Path) -> dict[str, tuple[Path, TemplateDraft]]:
    """Return the drafts of a folder by key, or end the command with everything that is wrong."""
    found: dict[str, tuple[Path, TemplateDraft]] = {}
    wrong: list[str] = []
    for path in sorted(folder.glob("*.yaml")):
        draft = read_draft(_load(path, wrong))
        if not isinstance(draft, TemplateDraft):
            wrong += [f"{path}: {one}" for one in draft]
        elif draft.key in found:
            wrong.append(f"{path}: {found[draft.key][0]} has the same name and language")
        else:
            found[draft.key] = path, draft
    if wrong:
        raise errors.fail("The templates cannot be read:\n  " + "\n  ".join(wrong))
    if not found:
        raise errors.fail(f"{folder} holds no *.yaml file: gateway templates pull writes them.")
    return found


def write_drafts(folder: Path, drafts: Mapping[str, TemplateDraft]) -> Iterator[Path]:
    """Write the files that are new or have changed, and yield each. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    for draft in drafts.values():
        path, text = folder / file_name(draft), to_yaml(draft)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            yield path


def _load(path: Path, wrong: list[str]) -> Any:
    try:
        content = path.read_bytes()
        if len(content) > MOST_BYTES:
            wrong.append(f"{path}: is larger than {MOST_BYTES:,} bytes")
            return {}
        yaml = YAML(typ="safe", pure=True)
        yaml.Constructor = _Constructor
        fields = yaml.load(content)
        json.dumps(fields, allow_nan=False)
        return fields
    except (OSError, YAMLError, UnicodeError) as error:
        wrong.append(f"{path}: cannot be read: {str(error).splitlines()[0]}")
    except (ValueError, TypeError, RecursionError):
        wrong.append(f"{path}: holds a value that JSON does not have; write texts in quotes")
    return {}


class _Constructor(SafeConstructor):
    """Constructor that leaves days, times and fractions as they are written: Meta has texts."""


for _tag in ("timestamp", "float"):
    _Constructor.add_constructor(f"tag:yaml.org,2002:{_tag}", SafeConstructor.construct_yaml_str)
