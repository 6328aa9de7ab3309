"""The folder of rules that a gateway begins with here: made, read, and told in one line."""

import subprocess
from pathlib import Path

import pytest

from gateway.cli.local import examples
from gateway.cli.local.environment import prepare
from gateway.cli.local.rules_folder import describe_rules, open_rules
from gateway.rules.problems import RulebookError

ROOT = Path(__file__).parents[2]
HELLO = "version: 1\nrules: [{name: hello, then: Hello}]\n"
REAL = {
    "META_APP_SECRET": "secret", "META_ACCESS_TOKEN": "token", "META_VERIFY_TOKEN": "word",
    "META_PHONE_NUMBER_ID": "42",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["gateway"])


def told(*, real: bool = False, **env: str) -> str:
    setup = prepare(REAL | env, 8000, real=real)
    return describe_rules(setup, open_rules(setup))


def test_without_rules_the_shop_is_played_and_the_way_to_others_is_told(tmp_path: Path) -> None:
    line = told()

    assert line.startswith(f"{ROOT}/examples/shop/, ")
    assert line.endswith(" rules, while rules/ has none; gateway rules new makes a first file")
    assert (tmp_path / "rules").is_dir()


@pytest.mark.parametrize("real", [True, False], ids=["real", "no checkout"])
def test_without_a_demo_nothing_is_answered_and_that_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, real: bool
) -> None:
    if not real:
        monkeypatch.setattr(examples, "CHECKOUT", tmp_path)

    line = "rules/ has none, so nothing is answered; gateway rules new makes a first file"
    assert told(real=real) == line


@pytest.mark.parametrize("real", [True, False])
def test_rules_of_ones_own_are_told_with_their_number(tmp_path: Path, *, real: bool) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "mine.yaml").write_text(HELLO)

    assert told(real=real) == "rules/, 1 rule; a change is taken up"


def test_another_folder_that_is_missing_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(RulebookError):
        told(GATEWAY_RULES="mine")
    assert not (tmp_path / "mine").exists()


def test_git_knows_nothing_of_what_is_in_the_folder(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    for name, text in {
        ".gitignore": (ROOT / "rules/.gitignore").read_text(),
        "mine.yaml": HELLO,
        "mine.test.yaml": "[]\n",
    }.items():
        (tmp_path / "rules" / name).write_text(text)
    subprocess.run(["git", "init", "--quiet"], check=True)
    subprocess.run(["git", "add", "--all"], check=True)
    listed = subprocess.run(["git", "ls-files"], check=True, capture_output=True, text=True)

    assert listed.stdout.split() == ["rules/.gitignore"]
