"""A person sees which customers wait for a person, and lets rules answer them again."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.cli.main import app
from gateway.core.planning.batch import Plan
from gateway.store import number_list
from gateway.store.planning.commit import commit
from gateway.store.planning.contacts import find_contact
from gateway.store.redis.client import Store
from tests.store.test_handed_over import hand_over
from tests.support.cli.gateway_folder import enter_gateway_folder
from tests.support.factories import ANA, NUMBER
from tests.support.servers import Server
from tests.support.store.sends import WEEK

pytestmark = pytest.mark.store


@pytest.fixture(autouse=True)
def _settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server, store: Store
) -> None:
    enter_gateway_folder(tmp_path, monkeypatch, server.url)
    number_list.add_number(store, NUMBER)


def run(*args: str) -> Result:
    return CliRunner().invoke(app, ["contacts", *args])


def test_who_waits_is_shown_without_the_number(store: Store) -> None:
    hand_over(store, ANA)

    result = run("list", "--handed-over")

    assert result.exit_code == 0
    assert "…0001" in result.output
    assert ANA not in result.output
    assert "1 customer answered by a person." in result.output


def test_who_waits_is_shown_as_json_and_in_full_if_asked_for(store: Store) -> None:
    contact = hand_over(store, ANA)

    shown = json.loads(run("list", "--handed-over", "--json", "--reveal").output)

    assert contact.hand_over
    (one,) = shown["contacts"]
    assert (one["number"], one["contact"], one["why"]) == (NUMBER, ANA, "rule person")
    assert one["since"] < one["until"]
    assert shown["unreadable"] == 0


def test_a_list_of_nothing_in_particular_is_refused() -> None:
    result = run("list")

    assert result.exit_code == 2
    assert "--handed-over" in result.output


@pytest.mark.parametrize("name", [f"+{ANA}", "+351 900 000 001"])
def test_a_customer_is_given_back(store: Store, name: str) -> None:
    hand_over(store, ANA)

    result = run("unmute", NUMBER, name)

    assert (result.exit_code, result.output) == (0, "Not muted any more.\n")
    assert find_contact(store, NUMBER, ANA).hand_over is None


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ((NUMBER, "ana"), "a number such as +351900000001"),
        (("106540352242923", f"+{ANA}"), "none of our numbers; did you mean"),
        ((NUMBER, "+351900000009"), "knows no such customer"),
    ],
)
def test_a_customer_who_cannot_be_given_back_is_said(args: tuple[str, str], told: str) -> None:
    result = run("unmute", *args)

    assert result.exit_code == 2
    assert told in " ".join(result.output.split())


def test_a_customer_is_shown_without_names_and_values(store: Store) -> None:
    contact = replace(
        find_contact(store, NUMBER, ANA),
        wa_id=ANA,
        name="Ana Lima",
        tags=("vip",),
        vars={"a": "b c"},
    )
    assert commit(store, [Plan(NUMBER, contact, changed=True, events=())], WEEK) == [True]

    result = run("show", f"+{ANA}")
    revealed = json.loads(run("show", f"+{ANA}", "--json", "--reveal").output)["contacts"][0]

    assert result.exit_code == 0
    assert f"…0001, (8 characters), at the number {NUMBER}" in result.output
    assert "tags vip\n  a = (3 characters)" in result.output
    assert not any(word in result.output for word in (ANA, "Lima", "b c"))
    assert (revealed["id"], revealed["name"], revealed["variables"]) == (
        ANA, "Ana Lima", {"a": "b c"},
    )  # fmt: skip


def test_a_customer_whom_no_number_knows_is_said() -> None:
    result = run("show", f"+{ANA}")

    assert result.exit_code == 2
    assert "None of these numbers knows such a customer." in result.output


def test_a_customer_is_erased_and_what_is_out_of_reach_is_said(store: Store) -> None:
    hand_over(store, ANA)

    result = run("erase", f"+{ANA}", "--yes")

    assert result.exit_code == 0
    assert "Erased: contacts 1, messages 0" in result.output
    assert "Out of reach:\n  backups of Redis" in result.output
    assert find_contact(store, NUMBER, ANA).version == ""
    assert not [key for key in store.redis.keys("*") if ANA.encode() in key]


def test_an_erasure_that_nobody_confirms_erases_nothing(store: Store) -> None:
    hand_over(store, ANA)

    result = run("erase", f"+{ANA}")

    assert result.exit_code == 1
    assert find_contact(store, NUMBER, ANA).version


def test_an_erasure_is_reported_as_json(store: Store) -> None:
    shown = json.loads(run("erase", f"+{ANA}", "--yes", "--json").output)

    assert (shown["status"], sum(shown["waiting_for"].values())) == ("done", 0)
    assert shown["erased"]["contacts"] == 0


def test_a_customer_is_exported_as_it_is_stored(store: Store) -> None:
    hand_over(store, ANA)

    exported = json.loads(run("export", f"+{ANA}").output)

    assert [one["id"] for one in exported["contacts"]] == [ANA]
    assert exported["complete"] is True


def test_a_table_is_imported_tagged_and_exported(tmp_path: Path, store: Store) -> None:
    at = ("--number", NUMBER)
    Path("people.csv").write_text(f"phone,name,size\n+{ANA},Ana,38\n12,Bad,1\n")

    told = run("import", "people.csv", "--tag", "spring", *at)
    again = json.loads(run("import", "people.csv", "--tag", "spring", "--json", *at).stdout)
    tagged = run("tag", "vip", "people.csv", *at)
    run("tag", "spring", "people.csv", "--remove", *at)

    assert "1 contact made, 0 changed, 0 unchanged, of 2 rows." in told.output
    assert "line 3: is no possible phone number" in told.output
    assert (again["made"], again["unchanged"], again["left_out"]) == (0, 1, 1)
    assert tagged.exit_code == 0, tagged.output
    assert find_contact(store, NUMBER, ANA).tags == ("vip",)
    table = run("export", "--tag", "vip", *at).stdout
    assert table.splitlines()[1] == f"{ANA},,Ana,vip,,38"
    assert run("export", "--format", "jsonl", "--out", "out.jsonl", *at).exit_code == 0
    (line,) = (tmp_path / "out.jsonl").read_text().splitlines()
    assert json.loads(line)["phone"] == f"+{ANA}"


def test_a_table_that_cannot_be_imported_is_one_sentence(store: Store) -> None:
    Path("people.csv").write_bytes(b"phone\n\xe9\n")

    for words, sentence in (
        (("import", "people.csv"), "Line 2 is not in the encoding"),
        (("import", "nowhere.csv"), "There is no file nowhere.csv"),
        (("import", "people.csv", "--number", "9x"), "--number"),
    ):
        result = run(*words)
        assert result.exit_code == 2, words
        assert sentence in " ".join(result.output.split())


def test_an_import_for_which_there_is_no_room_says_how_far_it_is(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("people.csv").write_text(f"phone\n+{ANA}\n")
    monkeypatch.setenv("GATEWAY_STORE_BYTES", "1000")

    result = run("import", "people.csv", "--number", NUMBER)

    assert result.exit_code == 2
    assert "the import ends after 1 row. Give it more memory" in " ".join(result.output.split())


def test_tags_of_a_table_are_those_that_a_table_can_hold(store: Store) -> None:
    Path("people.csv").write_text(f"phone\n+{ANA}\n")
    at = ("--number", NUMBER)

    assert run("tag", "vip; spring", "people.csv", *at).exit_code == 0
    assert find_contact(store, NUMBER, ANA).tags == ("spring", "vip")
    for words, sentence in (
        (("tag", " ;", "people.csv", *at), "Name the tag."),
        (("import", "people.csv", "--tag", "x" * 201, *at), "up to 200 characters"),
    ):
        result = run(*words)
        assert result.exit_code == 2, words
        assert sentence in " ".join(result.output.split())
