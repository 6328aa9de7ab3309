"""What the author of a test is told of each mistake in it, and which files are tests."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.rules.testing import testfile
from gateway.rules.testing.testfile import find_test_files, read_cases

NAMED = "- case: it\n  talk:\n"
# What is written, and what is told after the name of the file; `it` is the case.
MISTAKES = {
    "an empty file": ("", ": a file of tests is a list: it begins with `- case: …`"),
    "a mapping": ("case: it\n", ":1:1: a file of tests is a list: it begins with `- case: …`"),
    "not UTF-8": ("\udcff", ": is not UTF-8"),
    "no YAML": (
        "- case: a: b\n",
        ':1:10: YAML reads ": " as a key and its value: if this is a text, put the text in quotes',
    ),
    "a word": ("- it\n", ":1:3: case '#1': must be a mapping"),
    "no name": ("- talk: [{wait: 1d}]\n", ":1:3: case '#1': case: missing"),
    "no talk": ("- case: it\n", ":1:3: case 'it': talk: missing"),
    "a content that fits no act": (
        "- case: it\n  talk:\n    - they: {text: hi, content: {a: b}}\n",
        ":3:13: case 'it': talk.they: `content` needs media, order or type beside it",
    ),
    "a list where only contacts have one": (
        "- case: it\n  talk:\n    - they: {order: yes, content: [a]}\n",
        ":3:13: case 'it': talk.they: `content` must be a mapping; only that of `type: contacts` "
        "is a list",
    ),
    "an unknown key": (
        "- case: it\n  tag: x\n  talk: [{wait: 1d}]\n",
        ":2:3: case 'it': unknown key 'tag'; did you mean 'tags'?",
    ),
    "a moment without a time": (
        "- case: it\n  at: 2026-11-22\n  talk: [{wait: 1d}]\n",
        ":2:7: case 'it': at: must be a moment such as 2026-11-22 10:00 Europe/Lisbon",
    ),
    "an unknown zone": (
        "- case: it\n  at: 2026-11-22 10:00 Europe/Lisboa\n  talk: [{wait: 1d}]\n",
        ":2:7: case 'it': at: must be a moment such as 2026-11-22 10:00 Europe/Lisbon",
    ),
    "a moment of long ago": (
        "- case: it\n  at: 0001-01-01 00:00\n  talk: [{wait: 1d}]\n",
        ":2:7: case 'it': at: must be in the years from 2020 to 2099",
    ),
    "a wait for ever": (
        f"{NAMED}    - wait: 999999d\n    - wait: 999999d\n",
        ":1:3: case 'it': lasts for more than ten years",
    ),
    "an age of the world": (
        f"{NAMED}    - they: {{text: hi, age: 999999d}}\n",
        ":1:3: case 'it': lasts for more than ten years",
    ),
    "a number of letters": (
        "- case: it\n  from: Ana\n  talk: [{wait: 1d}]\n",
        ":2:9: case 'it': from: must be a number such as +351900000001",
    ),
    "an unknown key of a line": (
        f"{NAMED}    - thy: hi\n", ":3:7: case 'it': talk: unknown key 'thy'; did you mean 'they'?",
    ),
    "neither they nor wait": (
        f"{NAMED}    - we: hi\n", ":3:7: case 'it': talk: needs either `they` or `wait`",
    ),
    "both": (
        f"{NAMED}    - {{they: hi, wait: 1d}}\n",
        ":3:7: case 'it': talk: needs either `they` or `wait`",
    ),
    "an answer to nothing": (
        f"{NAMED}    - {{wait: 1d, we: hi}}\n",
        ":3:7: case 'it': talk: nothing is answered to a `wait`, so we stands beside `they`",
    ),
    "no duration": (
        f"{NAMED}    - wait: a day\n",
        ":3:13: case 'it': talk.wait: must be a duration such as 90s, 30m, 2h or 1d",
    ),
    "no act": (
        f"{NAMED}    - they: {{age: 1h}}\n",
        ":3:13: case 'it': talk.they: needs one of text, tapped, media, reaction, order, flow, "
        "status, call, event, field, type",
    ),
    "two acts": (
        f"{NAMED}    - they: {{tapped: x, order: yes}}\n",
        ":3:13: case 'it': talk.they: does tapped and order at once; each is a line of its own",
    ),
    "an unknown act": (
        f"{NAMED}    - they: {{tap: x}}\n",
        ":3:14: case 'it': talk.they: unknown key 'tap'; did you mean 'tapped'?",
    ),
    "a code of nothing": (
        f"{NAMED}    - they: {{text: x, code: 1}}\n",
        ":3:13: case 'it': talk.they: `code` needs `status: failed` beside it",
    ),
    "no message": (
        f"{NAMED}    - {{they: x, we: {{send_button: x}}}}\n",
        ":3:21: case 'it': talk.we: 'send_button' is no message; did you mean 'send_buttons'?",
    ),
    "an unknown key of a message": (
        f"{NAMED}    - {{they: x, we: {{send_buttons: x, button: y}}}}\n",
        ":3:21: case 'it': talk.we: unknown key 'button'; did you mean 'buttons'?",
    ),
    "a list as a message": (
        f"{NAMED}    - {{they: x, we: [[x]]}}\n",
        ":3:22: case 'it': talk.we: must be a text, or a mapping such as "
        "{send_buttons: What can I do for you?}",
    ),
    "a key twice": (f"{NAMED}    - {{they: x, they: y}}\n", ":3:17: the key 'they' stands twice"),
}  # fmt: skip


@pytest.mark.parametrize(("written", "told"), MISTAKES.values(), ids=MISTAKES)
def test_mistake_is_told(tmp_path: Path, written: str, told: str) -> None:
    file = tmp_path / "shop.test.yaml"
    file.write_text(written, errors="surrogateescape")

    book = read_cases([file])

    assert [str(problem).removeprefix(str(file)) for problem in book.problems] == [told]


def test_every_mistake_of_every_file_is_told(tmp_path: Path) -> None:
    files = [tmp_path / "b.test.yaml", tmp_path / "a.test.yaml"]
    for file in files:
        file.write_text("- it\n- case: right\n  talk: [{wait: 1d}]\n- talk: []\n")

    book = read_cases(files)

    assert [problem.file[-11:] for problem in book.problems] == ["a.test.yaml"] * 3 + [
        "b.test.yaml"
    ] * 3
    assert len(book.cases) == 2


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    (problem,) = read_cases([tmp_path / "a.test.yaml"]).problems

    assert problem.message == "cannot be read: No such file or directory"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.yaml", "a.test.yaml", "b.yml", "b.test.yml", "c.yaml", ".d.test.yaml"):
        (tmp_path / name).write_text("")
    return tmp_path


@pytest.mark.parametrize(
    ("asked", "found"),
    [("", ["a.test.yaml", "b.test.yml"]), ("a.yaml", ["a.test.yaml"]),
     ("b.yml", ["b.test.yml"]), ("c.yaml", []), ("none", [])],
)  # fmt: skip
def test_tests_stand_beside_their_rules(folder: Path, asked: str, found: list[str]) -> None:
    assert [file.name for file in find_test_files(folder / asked)] == found


@pytest.mark.parametrize(
    ("asked", "rules"),
    [("a.test.yaml", "a.yaml"), ("b.test.yml", "b.yml"), ("a.yaml", "a.yaml"),
     ("e.test.yaml", "e.yaml")],
)  # fmt: skip
def test_a_test_is_about_the_rules_of_its_name(folder: Path, asked: str, rules: str) -> None:
    assert testfile.rules_path_for(folder / asked) == folder / rules


SIGNS = st.sampled_from(
    [*"{}[]:-,#&*!|>'\"%@?<=~. \n\t\\", "a", "é", "they", "we", "wait: 1d", "\x85", "\ud800"]
)


@given(st.lists(SIGNS).map("".join))
@example("![\x85wait: 1d")  # problems of the file and of a case
def test_whatever_a_file_of_tests_holds_it_is_read(written: str) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder, "a.test.yaml")
        file.write_bytes(f"{NAMED}    - they: {written}".encode(errors="surrogatepass"))

        book = read_cases([file])

    assert book.problems or book.cases
