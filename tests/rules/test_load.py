"""Which files make a rulebook, in which order, and what its version stands for."""

import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rules.checks.rulefile_check import check
from gateway.rules.loader import check_rules, find_problems, load, load_if_any
from gateway.rules.problems import Mark, Problem, RulebookError
from tests.support.rules.rulebooks import HEAD, book

NONE = (
    "holds no *.yaml or *.yml file: gateway rules new writes a first one, "
    "or name the folder of yours"
)


def write(folder: Path, **files: str) -> Path:
    for name, rules in files.items():
        Path(folder, f"{name}.yaml").write_text(rules)
    return folder


def told(path: Path) -> list[str]:
    with pytest.raises(RulebookError) as refused:
        load(path)
    return [line.replace(f"{path}/", "") for line in str(refused.value).splitlines()]


def test_a_folder_is_read_by_name(tmp_path: Path) -> None:
    write(tmp_path, b=f"{HEAD}- {{name: two, then: x}}", a=f"{HEAD}- {{name: one, then: x}}")
    Path(tmp_path, "c.yml").write_text(f"{HEAD}- {{name: three, then: x}}")
    Path(tmp_path, ".#a.yaml").write_text("an editor's own")
    Path(tmp_path, "notes.txt").write_text("not rules")

    assert [rule.name for rule in load(tmp_path).rules] == ["one", "two", "three"]


def test_a_file_may_hold_no_rules_and_a_byte_order_mark(tmp_path: Path) -> None:
    file = Path(tmp_path, "rules.yaml")
    file.write_text("version: 1\nrules: []\n", encoding="utf-8-sig")

    assert load(file).rules == ()


def test_every_problem_of_every_file_is_told_at_once(tmp_path: Path) -> None:
    write(
        tmp_path,
        a=f"{HEAD}  - name: one\n    whem: x\n    then: '{{{{ nmae }}}}'\n  - name: two\n",
        b=f"{HEAD}  - name: one\n    then: Yes: red\n",
        c=f"{HEAD}  - name: one\n    then: x\n",
    )
    assert told(tmp_path) == [
        "a.yaml:4:5: rule 'one': unknown key 'whem'; did you mean 'when'?",
        "a.yaml:5:12: rule 'one': unknown placeholder 'nmae'; did you mean 'name'?",
        "a.yaml:6:5: rule 'two': then: missing",
        "b.yaml:4:14: rule 'one': YAML reads \": \" as a key and its value: "
        "if this is a text, put the text in quotes",
        "c.yaml:3:5: rule 'one': the name is taken by the rule at a.yaml:3",
    ]


def test_max_age_is_set_in_one_file_only(tmp_path: Path) -> None:
    rules = "version: 1\ndefaults: {max_age: 1h}\nrules: []\n"
    write(tmp_path, a=rules, b="version: 1\nrules: []", c=rules)

    assert told(tmp_path) == ["c.yaml:2:1: defaults are set in a.yaml already"]


def test_the_error_carries_its_problems(tmp_path: Path) -> None:
    file = Path(tmp_path, "a.yaml")
    file.write_text("version: 2\nrules: []\n")

    with pytest.raises(RulebookError) as refused:
        load(file)

    message = "version: '2' is not known; this gateway reads 1"
    assert refused.value.problems == (Problem(str(file), Mark(1, 10), "", message),)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"", "is empty; it should begin with `version: 1`", id="empty"),
        pytest.param(b"# later\n", "is empty; it should begin with `version: 1`", id="comment"),
        pytest.param(b"x" * 10_000_000, "is larger than 1 MB", id="10 MB"),
        pytest.param(b"a: b\nc: \xff\n", "2:4: is not UTF-8", id="not UTF-8"),
        pytest.param(
            b"a: b\nc: \x01\n", "2:4: a control character, which YAML does not allow", id="control"
        ),
    ],
)
def test_a_file_that_is_no_text_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    Path(tmp_path, "r.yaml").write_bytes(content)

    (line,) = told(tmp_path)

    assert line.removeprefix("r.yaml:").strip() == message


def test_a_missing_path_is_told(tmp_path: Path) -> None:
    missing = Path(tmp_path, "none.yaml")

    assert told(missing) == [f"{missing}: cannot be read: No such file or directory"]


def test_a_file_that_vanishes_while_it_is_read_is_told(tmp_path: Path) -> None:
    Path(tmp_path, "gone.yaml").symlink_to("nowhere")

    assert told(tmp_path) == ["gone.yaml: cannot be read: No such file or directory"]


@pytest.mark.timeout(30)
def test_a_pipe_is_told_without_waiting_for_its_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")

    assert told(tmp_path) == ["pipe.yaml: is no regular file"]


ALONE = "is not read: only files that end in .yaml or .yml are, so rename it"
BELOW = ": subfolders are not, so move it out of there"
UNREAD = {
    "in capitals": (["a.YAML"], [f"a.YAML: warning: {ALONE}"]),
    "as text": (["a.yaml.txt"], [f"a.yaml.txt: warning: {ALONE}"]),
    "a test in capitals": (["a.test.YML"], [f"a.test.YML: warning: {ALONE}"]),
    "in a subfolder": (["old/a.yaml"], [f"old/a.yaml: warning: is not read{BELOW}"]),
    "some in a subfolder": (
        ["old/b.yaml", "old/older/a.yml"],
        [f"old/b.yaml: warning: is not read, nor are 1 more of old/{BELOW}"],
    ),
    "hidden": ([".a.YAML", ".git/a.yaml", "..data/a.yaml"], []),
    "other files": (["a.txt", "old/README.md", "yaml", "a.yaml.bak"], []),
}


@pytest.mark.parametrize(("names", "warnings"), UNREAD.values(), ids=UNREAD)
def test_files_that_look_like_rules_and_are_not_read_are_named(
    tmp_path: Path, names: list[str], warnings: list[str]
) -> None:
    write(tmp_path, read=f"{HEAD}- {{name: one, then: x}}")
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("version: 1")

    problems = find_problems(tmp_path)

    assert [str(one).replace(f"{tmp_path}/", "") for one in problems] == warnings


def test_files_that_are_not_read_are_named_also_where_none_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.YAML").write_text("version: 1")

    error, warning = find_problems(tmp_path)

    assert error.message == NONE
    assert warning.message == ALONE


def test_a_folder_without_rules_is_told(tmp_path: Path) -> None:
    assert told(tmp_path) == [f"{tmp_path}: {NONE}"]
    assert load_if_any(tmp_path).rules == ()


def test_the_folder_above_the_rules_leads_to_them(tmp_path: Path) -> None:
    for name in (".git/old.yaml", "docs/page.md", "rules/shop.yaml", "rules/shop.test.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("version: 1")

    assert told(tmp_path) == [
        f"{tmp_path}: holds no *.yaml or *.yml file; rules does, so name that folder"
    ]
    with pytest.raises(RulebookError):
        load_if_any(tmp_path)  # a mistake, and no folder that is still empty


RULES = "- {name: a, when: {text: x}, then: {send: {type: x, x: {flag: true}}}}"


def test_version_stays_while_the_rules_mean_the_same() -> None:
    spread = """\
- then: [{send: {x: {flag: true}, type: x}}]   # a remark
  when: {event: message, text: {equals: [x]}}
  name: a
"""
    assert book(RULES).version == book(spread).version
    assert re.fullmatch("[0-9a-f]{12}", book(RULES).version)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(RULES.replace("true", "'true'"), id="quoted"),
        pytest.param(RULES.replace("name: a", "name: b"), id="name"),
        pytest.param(RULES + "\n- {name: b, then: y}", id="one more"),
        pytest.param(f"version: 1\ndefaults: {{max_age: 1h}}\nrules:\n{RULES}", id="max_age"),
    ],
)
def test_version_changes_with_what_the_rules_mean(other: str) -> None:
    assert book(other).version != book(RULES).version


SIGNS = st.sampled_from(
    [*"{}[]:-,#&*!|>'\"%@?<=~. \n\t\\", "a", "é", "{{ name }}", "\x85", "\ud800"]
)


@given(st.lists(SIGNS).map("".join))
def test_check_answers_whatever_a_file_holds(written: str) -> None:
    checked = check("a.yaml", f"{HEAD}  - name: {written}")

    assert bool(checked.book) is not bool(checked.problems)


def test_a_file_of_a_subfolder_that_is_named_itself_is_read(tmp_path: Path) -> None:
    write(tmp_path, read=f"{HEAD}- {{name: one, when: {{text: x}}, then: x}}")
    (tmp_path / "more").mkdir()
    write(tmp_path / "more", two=f"{HEAD}- {{name: two, then: x}}")

    assert check_rules([tmp_path, tmp_path / "more" / "two.yaml"]).problems == ()
