"""Check the structure of the product's code: folders, modules and class names."""

import ast
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("gateway", "tasks")
MOST_ENTRIES, MOST_LINES = 15, 300
# A folder or module that may be larger, and why.
LARGER: dict[str, str] = {
    "gateway/core": "a folder for each subject of the gateway",
    "gateway/store": "a folder for each kind of thing that is stored, beside the keys of all",
    "gateway/web/http_protocol.py": "one class: uvicorn's, with its bounds",
}


def entries(folder: Path) -> int:
    """Count what lies in a folder, but for what Python leaves there."""
    return sum(
        1 for one in folder.iterdir() if one.name[0] not in "._" or one.name == "__init__.py"
    )


def wide_folders() -> Iterator[str]:
    """Name each folder that has too many entries."""
    for package in PACKAGES:
        for folder in (ROOT / package, *(ROOT / package).rglob("*/")):
            name, count = str(folder.relative_to(ROOT)), entries(folder)
            if folder.name != "__pycache__" and count > MOST_ENTRIES and name not in LARGER:
                yield f"{name} has {count} entries of {MOST_ENTRIES}: make a folder"


def long_modules(modules: dict[str, str]) -> Iterator[str]:
    """Name each module that has too many lines."""
    for name, text in modules.items():
        if (count := text.count("\n")) > MOST_LINES and name not in LARGER:
            yield f"{name} has {count} lines of {MOST_LINES}: split it by reason to change"


def ambiguous_classes(modules: dict[str, str]) -> Iterator[str]:
    """Name each class whose name another class has as well."""
    places = defaultdict(list)
    for name, text in modules.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(name)
    for name, count in Counter({name: len(found) for name, found in places.items()}).items():
        if count > 1:
            yield f"class {name} stands in {', '.join(places[name])}: give each a name of its own"


def main() -> int:
    """Print all that is wrong, and return how many things are."""
    paths = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    modules = {str(path.relative_to(ROOT)): path.read_text() for path in paths}
    problems = [*wide_folders(), *long_modules(modules), *ambiguous_classes(modules)]
    problems += [f"{name} is within its bounds: delete its exception" for name in unneeded(modules)]
    print("\n".join(problems) if problems else "The structure is within its bounds.")
    return len(problems)


def unneeded(modules: dict[str, str]) -> Iterator[str]:
    """Name each exception that nothing needs."""
    for name in LARGER:
        path = ROOT / name
        if path.is_dir() and entries(path) > MOST_ENTRIES:
            continue
        if modules.get(name, "").count("\n") <= MOST_LINES:
            yield name


if __name__ == "__main__":
    sys.exit(main())
