"""The documents say what is there: links, files, commands, log events and figures."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import typer

from gateway.cli.main import app
from gateway.core.sending.outcome import Step
from gateway.store.monitoring.canary import Canary
from gateway.store.monitoring.counters import Figures
from gateway.web.metrics import _Snapshot

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "scripts/README.md"])
SOURCES = [*ROOT.glob("gateway/**/*.py"), *ROOT.glob("tasks/**/*.py")]
OPERATIONS = (ROOT / "docs/operations.md").read_text()
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]


def section(title: str) -> str:
    """Return what stands in the page of operations below a title of the second level."""
    return OPERATIONS.split(f"\n## {title}\n")[1].split("\n## ")[0]


def table(title: str) -> set[str]:
    """Return the names in the first column of a section's table."""
    rows = re.findall(r"^\| (`.*?) \|", section(title), re.M)
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)}


def anchors(page: Path) -> set[str]:
    """Return the names that GitHub gives to the titles of a page."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_file_that_is_named_is_there(page: Path) -> None:
    inside = "gateway|tasks|tests|scripts|core|store|web|graph|cli|rules|sandbox|docs"
    for path in re.findall(rf"`((?:{inside})/[\w/.-]+\.\w+)`", page.read_text()):
        if re.fullmatch(r"rules/[\w.]+\.yaml", path):
            continue  # the user's own; the project has none
        module, _, _ = path.rpartition(".")  # `store/alerts.note` is a function of a module
        found = [
            start / name
            for start in (ROOT, ROOT / "gateway")
            for name in (path, f"{module}.py")
            if (start / name).exists()
        ]
        assert found, path


def test_the_list_of_pages_in_the_readme_is_complete() -> None:
    listed = re.findall(r"^- \[(docs/[\w-]+\.md)\]\(\1\): ", (ROOT / "README.md").read_text(), re.M)

    assert sorted(listed) == sorted(str(page.relative_to(ROOT)) for page in ROOT.glob("docs/*.md"))


def commands(group: Any, before: str = "") -> Iterator[tuple[str, set[str]]]:
    """Yield each command with its options."""
    for name in group.list_commands(None):
        one = group.get_command(None, name)
        options = (
            option for param in one.params for option in (*param.opts, *param.secondary_opts)
        )
        yield f"{before}{name}", set(options)
        if hasattr(one, "list_commands"):
            yield from commands(one, f"{before}{name} ")


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_command_that_is_named_is_there_with_its_options(page: Path) -> None:
    known = dict(commands(typer.main.get_command(app)))
    for line in re.findall(r"(?:^|`)gateway ([a-z][^`\n#]*)", page.read_text(), re.M):
        words = line.split()
        named = next((n for n in (" ".join(words[:2]), words[0]) if n in known), None)
        assert named, line
        asked = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert asked <= known[named] | {"--help"}, line


def test_the_table_of_log_events_is_complete() -> None:
    pattern = (
        r"log\.(?:debug|info|warning|error|exception)\(\s*(?:\"(\w+)\"(?: if \w+ else \"(\w+)\")?)"
    )
    logged = {
        name
        for source in SOURCES
        for names in re.findall(pattern, source.read_text())
        for name in names
        if name
    }

    assert table("Logs") == logged


def test_every_end_of_an_attempt_is_told_of() -> None:
    page = (ROOT / "docs/trace.md").read_text()

    assert set(re.findall(r"^\| `(\w+)` \|", page, re.M)) == set(get_args(Step))


def test_the_table_of_metrics_is_complete() -> None:
    canary = Canary(took_s=1.0, age_s=1.0, missing_s=0.0)
    figures = Figures({}, (), [], canary=canary)
    shown = {
        f"{one.name}_total" if one.type == "counter" else one.name
        for one in _Snapshot(figures).collect()
    }

    assert table("Metrics") == shown
