"""The operator's commands mean one account where --account names it, and all without it."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from gateway.cli.develop.replay.over_http import receiver_of
from gateway.cli.main import app
from gateway.core.planning.batch import Failure
from gateway.store import keys, number_list
from gateway.store.body_codec import Bodies
from gateway.store.planning.commit import store_dead_letters
from gateway.store.redis.client import Store
from gateway.store.sending import pauses
from tests.store.test_handed_over import hand_over
from tests.support.accounts import CLINIC, TestAccount, write_accounts
from tests.support.factories import ANA, NUMBER, a_message, delivery_body, message_item
from tests.support.servers import Server
from tests.support.stack import RULES

pytestmark = pytest.mark.store
SHOP = TestAccount("shop", [NUMBER, "1002"], "501", more="rules: rules.yaml")
OTHER_RULES = RULES.replace("colour", "appointment")
NUMBERS = [NUMBER, "1002", *CLINIC.numbers]
NOTHING_HELD: dict[str, list[str]] = {number: [] for number in NUMBERS}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server, store: Store) -> Path:
    """Return the folder of a gateway with two accounts, each with rules of its own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rules.yaml").write_text(RULES)
    (tmp_path / "clinic.yaml").write_text(OTHER_RULES)
    env = write_accounts(tmp_path, [SHOP, CLINIC])
    env |= {"REDIS_URL": server.url, "GATEWAY_RULES": "clinic.yaml"}
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    for name in ("META_APP_SECRET", "META_VERIFY_TOKEN", "META_ACCESS_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for number in NUMBERS:
        number_list.add_number(store, number)
    return tmp_path


def run(*args: str) -> Result:
    return CliRunner().invoke(app, list(args))


def run_json(*args: str) -> Any:
    result = run(*args, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def held(store: Store) -> dict[str, list[str]]:
    found = pauses.pauses_by_number(store, NUMBERS)
    return {number: [one.rule for one in state.holds] for number, state in found.items()}


@pytest.mark.parametrize(
    "command",
    [
        ("hold", "--yes"),
        ("release",),
        ("contacts", "list", "--handed-over"),
        ("dead-letters", "list"),
        ("trace", f"+{ANA}"),
    ],
    ids=" ".join,
)
def test_an_account_that_is_none_is_answered_with_those_that_there_are(
    command: tuple[str, ...],
) -> None:
    result = run(*command, "--account", "clinik")

    assert result.exit_code == 2
    assert "There is no account clinik; did you mean 'clinic'?" in result.output


def test_hold_stops_the_numbers_of_one_account_and_of_no_other(store: Store) -> None:
    run("hold", "--account", "shop", "--yes")
    stopped = held(store)
    run("release", "--account", "shop")

    assert stopped == {NUMBER: [""], "1002": [""], "2001": []}
    assert held(store) == NOTHING_HELD


def test_hold_asks_for_which_account_it_stops_everything() -> None:
    result = run("hold", "--account", "shop")

    assert result.exit_code == 1
    assert "Stop everything that 2 numbers of shop would send?" in result.stderr


def test_release_of_one_account_leaves_the_other_held(store: Store) -> None:
    run("hold", "--yes")

    run("release", "--account", "clinic")

    assert held(store) == {NUMBER: [""], "1002": [""], "2001": []}


def test_the_table_of_hold_shows_the_account() -> None:
    output = run("hold", "--number", "2001").output

    assert "account" in output
    assert "clinic" in output


def test_a_number_of_another_account_is_refused(store: Store) -> None:
    result = run("hold", "--account", "shop", "--number", "2001")

    assert result.exit_code == 2
    assert "2001 is no number of the account shop; " in result.output
    assert held(store) == NOTHING_HELD


def test_a_rule_is_looked_for_in_the_rules_of_the_account(store: Store) -> None:
    run("hold", "--account", "shop", "--rule", "colour")
    refused = run("hold", "--account", "clinic", "--rule", "colour")
    run("hold", "--rule", "appointment", "--number", "2001")

    assert refused.exit_code == 2
    assert "There is no rule of this name" in refused.output
    assert held(store) == {NUMBER: ["colour"], "1002": ["colour"], "2001": ["appointment"]}


def test_contacts_of_one_account_are_listed(store: Store) -> None:
    hand_over(store, ANA)

    of_shop = run_json("contacts", "list", "--handed-over", "--account", "shop")["contacts"]
    of_clinic = run_json("contacts", "list", "--handed-over", "--account", "clinic")["contacts"]

    assert [(one["account"], one["number"]) for one in of_shop] == [("shop", NUMBER)]
    assert of_clinic == []
    assert "shop" in run("contacts", "list", "--handed-over").output


def break_planning(store: Store, wamid: str, number: str) -> None:
    store_dead_letters(store, [Failure(a_message(wamid, number=number), "KeyError", "Traceback")])


@pytest.fixture
def _letters(store: Store) -> None:
    """Leave one dead letter of each account."""
    break_planning(store, "wamid.shop", NUMBER)
    break_planning(store, "wamid.clinic", "2001")


@pytest.mark.usefixtures("_letters")
def test_dead_letters_of_one_account_are_listed() -> None:
    of_all = run_json("dead-letters", "list")
    of_clinic = run_json("dead-letters", "list", "--account", "clinic")

    assert sorted(one["account"] for one in of_all["dead_letters"]) == ["clinic", "shop"]
    assert [one["account"] for one in of_clinic["dead_letters"]] == ["clinic"]
    assert of_clinic["causes"] == {"planning": 1}


@pytest.mark.usefixtures("_letters")
def test_a_dead_letter_shows_its_account() -> None:
    (letter,) = run_json("dead-letters", "list", "--account", "shop")["dead_letters"]

    assert run_json("dead-letters", "show", letter["id"])["account"] == "shop"
    assert "account" in run("dead-letters", "list").output.splitlines()[0]


@pytest.mark.usefixtures("_letters")
def test_dead_letters_of_one_account_are_dropped_and_no_other() -> None:
    result = run("dead-letters", "drop", "--account", "shop", "--yes")

    assert result.exit_code == 0
    assert [one["account"] for one in run_json("dead-letters", "list")["dead_letters"]] == [
        "clinic"
    ]


@pytest.fixture
def _message(store: Store) -> None:
    """Let a message to the shop be kept with its account, and wait."""
    body = Bodies().pack(delivery_body(message_item("wamid.in", "a secret")))
    store.call("keep", keys.partition(3), "meta|s12345678|shop", body)


@pytest.mark.usefixtures("_message")
def test_a_trace_shows_the_account_of_the_number_and_of_the_delivery() -> None:
    output = run("trace", "wamid.in").output
    (event,) = run_json("trace", "wamid.in")["events"]

    assert f"to number {NUMBER} of shop" in output
    assert "signed with app secret s12345678 of shop" in output
    assert (event["account"], event["kept"]["account"]) == ("shop", "shop")


@pytest.mark.usefixtures("_message")
def test_a_trace_of_one_account_finds_nothing_of_another() -> None:
    assert run("trace", "wamid.in", "--account", "shop").exit_code == 0
    assert run("trace", f"+{ANA}", "--account", "shop").exit_code == 0
    assert run("trace", "wamid.in", "--account", "clinic").exit_code == 1
    assert run("trace", f"+{ANA}", "--account", "clinic").exit_code == 1


def test_rules_of_one_account_are_checked(folder: Path) -> None:
    (folder / "clinic.yaml").write_text("version: 1\nrules: [{name: broken}]\n")

    assert run_json("rules", "check", "--account", "shop")["ok"]
    broken = run("rules", "check", "--account", "clinic")
    assert broken.exit_code == 1
    assert "clinic.yaml:2" in broken.output


ZONELESS = """\
version: 1
hours: {desk: {mon-sun: 09:00-18:00}}
rules: [{name: closed, when: {outside: desk}, then: "Back {{ hours.desk.opens | when }}."}]
"""


@pytest.fixture
def zoned(folder: Path) -> Path:
    """Give the account clinic a time zone, and rules whose hours name none."""
    accounts = folder / "accounts.yaml"
    clinic = "  - name: clinic\n"
    accounts.write_text(
        accounts.read_text().replace(clinic, f"{clinic}    time_zone: Asia/Tokyo\n")
    )
    (folder / "clinic.yaml").write_text(ZONELESS)
    return folder


def test_rules_that_name_no_zone_are_checked_in_that_of_their_account(
    zoned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CLINIC_TOKEN")  # no value is needed to check rules
    (zoned / "copy.yaml").write_text(ZONELESS)

    assert run_json("rules", "check", "clinic.yaml")["ok"]
    refused = run("rules", "check", "copy.yaml")
    assert refused.exit_code == 1
    assert "or in the accounts file as `time_zone`" in refused.output


def test_a_text_is_explained_in_the_zone_of_the_account(zoned: Path) -> None:
    def explained(at: str) -> bool:
        (told,) = run_json("rules", "explain", "clinic.yaml", "--text", "hi", "--at", at)
        return bool(told["said"])

    assert not explained("2026-11-30 10:00")
    assert explained("2026-11-30 10:00 UTC")  # 19:00 in Tokyo


def test_a_conversation_is_tested_in_the_zone_of_the_account(zoned: Path) -> None:
    (zoned / "clinic.test.yaml").write_text(
        "- case: closed\n  at: 2026-11-30 10:00 UTC\n"
        "  talk: [{they: hi, we: ['Back tomorrow at 09:00.']}]\n"
    )

    result = run("rules", "test", "clinic.yaml")
    assert result.exit_code == 0, result.output


def test_a_changed_copy_is_compared_in_the_zone_of_the_account(zoned: Path, captured: str) -> None:
    (zoned / "copy.yaml").write_text(ZONELESS)

    result = run("rules", "diff", "clinic.yaml", "copy.yaml", captured)
    assert result.exit_code == 0, result.output


def test_a_rehearsal_needs_the_zone_in_the_rules(zoned: Path) -> None:
    result = run("tunnel", "--account", "clinic", "--url", "https://example.com")

    assert result.exit_code == 2
    assert "name no zone, and a rehearsal does not know `time_zone`" in " ".join(
        result.output.split()
    )


def test_rules_of_several_accounts_have_to_be_named() -> None:
    result = run("rules", "check")
    both = run("rules", "check", "clinic.yaml", "--account", "clinic")

    assert (result.exit_code, both.exit_code) == (2, 2)
    assert "name the path of one" in result.output
    assert "clinic.yaml" in result.output
    assert "not both" in both.output


@pytest.fixture
def captured(folder: Path) -> str:
    """Capture a message to each account, both with the same word."""
    (folder / "captured").mkdir()
    for number in (NUMBER, "2001"):
        body = delivery_body(message_item(f"wamid.{number}", "which color?"), number=number)
        (folder / "captured" / f"{number}.json").write_bytes(body)
    return "captured"


def outcomes(*args: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    result = run("replay", "dry-run", *args, "--json")
    assert result.exit_code == 0, result.output
    *sends, summary = map(json.loads, result.stdout.splitlines())
    return summary, sends


def test_a_dry_run_asks_the_rules_of_each_account(captured: str) -> None:
    summary, sends = outcomes(captured)

    assert summary["deliveries"] == 2
    assert {(one["number"], one["rule"]) for one in sends} == {
        (NUMBER, "colour"),
        ("2001", "appointment"),
    }


def test_a_dry_run_of_one_account_plans_its_deliveries_only(captured: str) -> None:
    summary, sends = outcomes(captured, "--account", "clinic")

    assert summary["deliveries"] == 1
    assert [(one["number"], one["rule"]) for one in sends] == [("2001", "appointment")]


def test_a_replay_is_signed_with_the_secret_of_its_account() -> None:
    url, secret = receiver_of("", "clinic")

    assert url == "http://127.0.0.1:8000/webhook/clinic"
    assert secret == b"secret of clinic"


def test_a_replay_over_http_asks_which_of_several_accounts(captured: str) -> None:
    result = run("replay", "post", captured)

    assert result.exit_code == 2
    assert "There are several accounts: say which with --account (shop, clinic)" in result.output


@pytest.mark.parametrize(
    ("number", "rule", "other"),
    [(NUMBER, "colour", "appointment"), ("2001", "appointment", "colour")],
)
def test_a_stored_message_is_explained_by_the_rules_of_its_account(
    store: Store, number: str, rule: str, other: str
) -> None:
    body = delivery_body(message_item("wamid.in", "which color?"), number=number)
    store.call("keep", keys.partition(3), "meta|s12345678|", Bodies().pack(body))

    result = run("rules", "explain", "wamid.in")

    assert rule in result.output
    assert other not in result.output
