"""What the console takes from others, unmodified: each file is the one that its record names."""

import json
from hashlib import sha256
from importlib.resources import files

import pytest

FOLDER = files("gateway.web.console") / "static" / "vendor"
RECORD = json.loads((FOLDER / "vendored.json").read_text())


@pytest.mark.parametrize("name", RECORD["files"])
def test_a_vendored_file_is_unmodified(name: str) -> None:
    content = (FOLDER / name).read_bytes()

    assert sha256(content).hexdigest() == RECORD["files"][name]["sha256"]


def test_every_vendored_file_is_recorded_with_its_licence() -> None:
    names = {one.name for one in FOLDER.iterdir()} - {"vendored.json"}

    assert names == set(RECORD["files"])
    assert (RECORD["package"], RECORD["version"]) == ("htmx.org", "4.0.1")
    assert "Zero-Clause BSD" in (FOLDER / "LICENSE").read_text()


def test_the_stylesheet_is_small() -> None:
    assert len((files("gateway.web.console") / "static" / "console.css").read_bytes()) <= 15_000
