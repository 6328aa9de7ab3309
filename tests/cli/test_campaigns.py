"""An operator makes a campaign from a file, checks it, starts it and sees what becomes of it."""

import json
import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner, Result

from gateway.cli.main import app
from gateway.cli.operate.campaigns import command
from gateway.cli.operate.campaigns.recipients import render_recipients
from gateway.cli.operate.campaigns.show import check_lines, list_table
from gateway.core.campaigns.checks.check import UnfitRows
from gateway.store.campaigns.campaigns import campaign_key, change_phase
from gateway.store.campaigns.check import check_campaign
from gateway.store.campaigns.expansion import expand
from gateway.store.campaigns.recipients.page import RecipientFilter, read_recipient_page
from gateway.store.redis.client import Store
from tests.support.cli.gateway_folder import enter_gateway_folder
from tests.support.servers import Server
from tests.support.store.campaigns import BODIES, INPUTS, a_campaign, csv_of, phone, read
from tests.support.store.recipients import place
from tests.support.store.sends import a_send, queue, settle, take

pytestmark = pytest.mark.store


@pytest.fixture(autouse=True)
def _settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server, store: Store
) -> None:
    enter_gateway_folder(tmp_path, monkeypatch, server.url)
    Path("people.csv").write_bytes(csv_of(20) + b"\n12,Bad\n")


def run(*args: str) -> Result:
    return CliRunner().invoke(app, ["campaigns", *args])


def run_json(*args: str) -> Any:
    result = run(*args, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def draft() -> str:
    result = run_json("create", "spring", "--template", "spring", "--param", "{{ first }}")
    return str(result["id"])


def started() -> str:
    id_ = draft()
    for words in (("audience", id_, "people.csv"), ("check", id_), ("start", id_, "--yes")):
        assert run(*words).exit_code == 0
    return id_


def test_a_draft_has_a_first_batch_and_a_pace_without_a_unit() -> None:
    words = ("create", "spring", "--text", "Hi", "--first", "0", "--pace", "30")
    made = run_json(*words, "--quiet", "21:00 - 08:00")

    assert (made["first"]["size"], made["pace"]) == (0, 30)
    assert made["quiet_hours"] == {"from": "21:00", "to": "08:00"}


def test_a_draft_has_all_that_the_api_has() -> None:
    usual = run_json("create", "spring", "--text", "Hi")
    words = ("--first", "100/30m", "--when-closed", "drop", "--no-marketing")
    made = run_json("create", "spring", "--text", "Hi", *words)

    fields = ("first", "when_closed", "marketing")
    assert [usual[one] for one in fields] == [None, "fail", True]
    assert [made[one] for one in fields] == [{"size": 100, "wait": 1_800}, "drop", False]


def test_what_is_counted_is_one_or_several_and_a_duration_has_whole_seconds(store: Store) -> None:
    id_ = draft()
    Path("one.csv").write_text("phone,first\n351912345678.0,Ana\n")

    told = run("audience", id_, "one.csv").output

    assert "1 recipient from 1 row." in told
    assert "1 number lost the decimal point" in told
    check = check_campaign(store, BODIES, read(store, id_), INPUTS)
    longer = replace(check, takes=timedelta(minutes=1, milliseconds=1))
    assert "It takes 0:01:01." in list(check_lines(longer))
    assert "1 wants no marketing." in list(check_lines(replace(check, opted_out=1)))
    assert "2 want no marketing." in list(check_lines(replace(check, opted_out=2)))
    unfit = UnfitRows("other", 1, [7])
    assert any("1 has a message" in one and "recipient 7 of the export" in one
               for one in check_lines(replace(check, unfit=[unfit])))  # fmt: skip


def test_tables_have_whole_ids_in_a_narrow_terminal(store: Store) -> None:
    campaign = a_campaign(store, 300, name="spring in the garden of the house on the hill " * 2)
    place(store, campaign, 0, "failed", 131050)
    (found,) = read_recipient_page(store, BODIES, campaign, RecipientFilter(), 0, 1).recipients
    listed, recipients = Console(width=80), Console(width=80)

    with listed.capture() as lines:
        listed.print(list_table([campaign]))
    with recipients.capture() as rows:
        recipients.print(render_recipients([found]))

    assert campaign.id in lines.get()
    assert "0 of 300" in lines.get()
    assert f"{campaign.created_at:%Y-%m-%d}" in lines.get()
    assert "…" not in lines.get() + rows.get()
    assert f"+{phone(0)}" in rows.get()


def test_from_a_file_to_a_funnel(store: Store) -> None:
    id_ = draft()
    told = run("audience", id_, "people.csv")
    checked = run("check", id_)
    begun = run("start", id_, "--yes")

    assert "20 recipients from 21 rows" in told.output
    assert "1 left out: invalid" in told.output
    assert "line 22" in told.output
    assert "20 of 20 recipients would get it" in checked.output
    assert "the first, and the shortest" in checked.output
    assert "Ana 0" in checked.output
    assert "running" in begun.output
    assert expand(store, BODIES, read(store, id_)) == 20
    shown = run("show", id_)
    assert "20  queued" in shown.output
    assert "21  in all" in shown.output
    assert phone(1) not in shown.output
    assert "spring" in run("list").output


def test_a_campaign_is_paused_resumed_and_cancelled() -> None:
    id_ = started()

    assert run_json("pause", id_, "--why", "a typo")["why"] == "a typo"
    assert run_json("resume", id_)["phase"] == "running"
    cancelled = run_json("cancel", id_)
    assert cancelled["phase"] == "cancelled"
    assert [one["phase"] for one in cancelled["log"]] == [
        "running", "paused", "running", "cancelled"
    ]  # fmt: skip
    again = run("resume", id_)
    assert (again.exit_code, "cancelled" in again.output) == (2, True)


def test_a_file_that_cannot_be_read_or_written_is_named(tmp_path: Path) -> None:
    id_ = draft()
    os.mkfifo("pipe")
    Path("folder").mkdir()

    for words, told in (
        (("audience", id_, "pipe"), "pipe is no file"),
        (("audience", id_, "folder"), "folder is no file"),
        (("export", id_, "--out", "nowhere/out.csv"), "nowhere/out.csv cannot be written"),
        (("problems", id_, "--out", "folder"), "folder cannot be written whole: Is a directory."),
    ):
        result = run(*words)
        assert (result.exit_code, told in result.stderr) == (2, True), result.output


def test_the_export_has_a_line_for_each_recipient(tmp_path: Path) -> None:
    id_ = started()

    assert run("export", id_, "--out", "out.csv").exit_code == 0

    lines = (tmp_path / "out.csv").read_text().splitlines()
    assert lines[0] == "phone,e164,status,code,advice,replied,tapped,opted_out,user_id"
    assert lines[1] == f"{phone(0)},+{phone(0)},waiting,,,,,,"
    assert len(lines) == 21


def test_the_export_for_excel_begins_with_a_mark_and_has_semicolons(tmp_path: Path) -> None:
    id_ = started()

    assert run("export", id_, "--excel", "--out", "out.csv").exit_code == 0

    first, second, *_ = (tmp_path / "out.csv").read_bytes().splitlines()
    assert first.startswith(b"\xef\xbb\xbfphone;e164;status")
    assert second.decode() == f"{phone(0)};+{phone(0)};waiting;;;;;;"


def test_all_rows_that_were_left_out_are_exported(tmp_path: Path) -> None:
    id_ = draft()
    Path("people.csv").write_bytes(csv_of(2) + b"\n12,Bad" * 300)

    told = run("audience", id_, "people.csv").output

    assert f"and 290 more: gateway campaigns problems {id_}" in told
    assert run("problems", id_, "--out", "out.csv").exit_code == 0
    lines = (tmp_path / "out.csv").read_text().splitlines()
    assert lines[:2] == ["line,cause,detail", "4,invalid,is no possible phone number"]
    assert len(lines) == 301


def test_the_recipients_who_did_not_get_it_are_listed(store: Store) -> None:
    id_ = started()
    for row in (3, 7):
        place(store, read(store, id_), row, "failed", 131026)

    told = run_json("recipients", id_, "--status", "failed", "--code", "131026")
    table = run("recipients", id_, "--code", "131026").output
    first = run_json("recipients", id_, "--limit", "2")

    assert [one["phone"] for one in told["recipients"]] == [f"+{phone(3)}", f"+{phone(7)}"]
    assert (told["more"], first["more"], len(first["recipients"])) == (False, True, 2)
    assert phone(3) in table
    assert told["recipients"][0]["advice"] in table
    assert phone(4) not in table
    assert run("recipients", id_, "--status", "gone").exit_code == 2
    assert run("recipients", id_, "--limit", "10001").exit_code == 2


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("create", "x"), "needs one of --template and --text"),
        (("create", "x", "--text", "Hi", "--template", "a"), "needs one of --template and --text"),
        (("create", "x", "--text", "Hi", "--param", "a"), "--param is a value of a --template"),
        (("create", "x", "--text", "{{ a"), "the message has a placeholder"),
        (("create", "x", "--text", "Hi", "--pace", "fast"), "--pace must be"),
        (("create", "x\ny", "--text", "Hi"), "name must be one line without control characters"),
        (("create", "x", "--text", "Hi", "--quiet", "21:00"), "such as 21:00-08:00."),
        (("create", "x", "--text", "Hi", "--quiet", "9-8"), "--quiet takes two different times"),
        (("create", "x", "--text", "Hi", "--start-at", "now"), "--start-at must be a time"),
        (("create", "x", "--text", "Hi", "--first", "-1"), "--first must be a whole number"),
        (("create", "x", "--text", "Hi", "--first", "/15m"), "--first takes how many go first"),
        (("create", "x", "--text", "Hi", "--first", "200/soon"), "--first takes how many"),
        (("create", "x", "--text", "Hi", "--first", "200/"), "--first takes how many go first"),
        (("create", "x", "--text", "Hi", "--first", "200/2d"), "a day at most: 200/15m."),
        (("create", "x", "--text", "Hi", "--when-closed", "wait"), "--when-closed must be one of"),
        (("create", "x", "--text", "Hi", "--notify-template", "over"), "--notify-template names"),
        (("create", "x", "--text", "Hi", "--from", "999"), ""),
        (("create", "x", "--text", "Hi", "--notify", "+351900000099"), "--notify-template names"),
        (("create", "x", "--text", "Hi", "--notify", "1", "--notify", "2"), "one phone"),
        (("create", "x", "--text", "Hi", "--stop", "5"), "--stop takes a rule and its value"),
        (("create", "x", "--text", "Hi", "--stop", "opted_out=x"), "--stop opted_out must"),
        (("show", "nothing"), "No campaign has the id nothing"),
    ],
)
def test_a_mistake_is_one_sentence(words: tuple[str, ...], sentence: str) -> None:
    result = run(*words)

    assert sentence in " ".join(result.output.split())
    assert result.exit_code in (0, 2)
    assert "Traceback" not in result.output


def test_its_end_is_reported_where_it_says() -> None:
    words = ("create", "spring", "--text", "Hi", "--notify", "post", "--notify", "+351900000099")
    made = run_json(*words, "--notify-template", "over:{{ campaign }}")

    assert made["notify"] == {
        "alert": True, "post": True, "to": "+351900000099",
        "template": {"name": "over", "language": "en", "params": ["{{ campaign }}"]},
    }  # fmt: skip


def test_the_check_warns_of_a_notice_that_the_rules_lead_nowhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rules = Path("forwarding.yaml")
    receiver = '{to: crm, url: "https://crm.example", secret: CRM_SECRET, events: message}'
    rules.write_text(f"version: 1\nforwards: [{receiver}]\nrules: []\n")
    monkeypatch.setenv("GATEWAY_RULES", str(rules))
    ids = [
        run_json("create", "spring", "--text", "Hi {{ first }}", "--notify", name)["id"]
        for name in ("crm", "erp")
    ]
    checked = [run_json("check", id_)["warnings"] for id_ in ids]
    rules.write_text("version: 1\nforwards: nothing\n")
    checked.append(run_json("check", ids[1])["warnings"])

    assert ["goes to the forward erp" in str(one) for one in checked] == [False, True, False]


def test_the_check_says_who_could_not_be_reached(store: Store) -> None:
    send = a_send("refused", phone(3))
    queue(store, send)
    take(store)
    settle(store, send, "dropped", error_json='{"code":131026}')

    told = [
        list(check_lines(check_campaign(store, BODIES, campaign, INPUTS)))
        for campaign in (a_campaign(store, 4), a_campaign(store, 4, skip_unreachable=True))
    ]

    assert told[0][:2] == [
        "4 of 4 recipients would get it.",
        "1 could not be reached within 30 days (code 131026): with --skip-unreachable they are "
        "left out.",
    ]
    assert told[1][:2] == [
        "3 of 4 recipients would get it.",
        "1 could not be reached within 30 days (code 131026): they are left out.",
    ]
    made = run_json("create", "spring", "--text", "Hi", "--skip-unreachable")
    assert made["skip_unreachable"] is True


def test_stop_rules_are_given_one_by_one() -> None:
    made = run_json("create", "x", "--text", "Hi", "--stop", "opted_out=5", "--stop", "quality=no")

    assert made["stop"] == {
        "failed": 10, "unconfirmed": 1, "over": 500, "opted_out": 5, "quality": False, "codes": True
    }  # fmt: skip


def test_a_start_needs_an_audience_and_a_check() -> None:
    id_ = draft()
    without = run("start", id_)
    run("audience", id_, "people.csv")
    unchecked = run("start", id_)

    assert "audience" in without.output
    assert "check" in unchecked.output
    assert (without.exit_code, unchecked.exit_code) == (2, 2)


def test_a_start_without_a_terminal_needs_yes() -> None:
    id_ = draft()
    run("audience", id_, "people.csv")
    run("check", id_)

    result = run("start", id_)

    assert (result.exit_code, "--yes" in result.output) == (2, True)
    assert run_json("show", id_)["phase"] == "draft"


def asked(id_: str, answer: str) -> Result:
    return CliRunner().invoke(app, ["campaigns", "start", id_], input=answer)


def test_a_start_in_a_terminal_shows_the_check_and_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "_has_terminal", lambda: True)
    id_ = draft()
    run("audience", id_, "people.csv")
    run("check", id_)

    refused = asked(id_, "n\n")
    phase = run_json("show", id_)["phase"]
    agreed = asked(id_, "y\n")

    assert "spring: 20 of 20 recipients would get it by the check of" in refused.output
    assert (refused.exit_code, phase) == (1, "draft")
    assert (agreed.exit_code, "running" in agreed.output) == (0, True)
    assert "Start it?" not in asked(id_, "").output  # it is started already


def test_what_an_earlier_release_checked_is_asked_for_without_a_count(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "_has_terminal", lambda: True)
    id_ = draft()
    run("audience", id_, "people.csv")
    run("check", id_)
    store.redis.hdel(campaign_key(read(store, id_).number, id_), "gets")

    agreed = asked(id_, "y\n")

    assert "spring: 20 recipients by the check of" in agreed.output
    assert "running" in agreed.output


def test_what_was_checked_anew_while_it_asked_does_not_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(command, "_has_terminal", lambda: True)
    id_ = draft()
    run("audience", id_, "people.csv")
    run("check", id_)
    monkeypatch.setattr(typer, "confirm", lambda *_, **__: run("check", id_))

    result = run("start", id_)

    assert (result.exit_code, "checked anew" in result.output) == (2, True)
    assert run_json("show", id_)["phase"] == "draft"
    assert run_json("start", id_, "--yes")["phase"] == "running"


def test_the_message_is_tried_with_one_number(store: Store) -> None:
    id_ = draft()
    early = run("test", id_, "+351912345678")
    run("audience", id_, "people.csv")

    assert "is queued" in run("test", id_, "+351912345678").output
    assert run("test", id_, "12").exit_code == 2
    assert (early.exit_code, "audience" in early.output) == (2, True)


def test_those_who_expired_are_a_new_draft(store: Store) -> None:
    id_ = started()
    early = run("retry", id_, "--scope", "expired")
    change_phase(store, read(store, id_), ["running"], "expired", "finish_by", "over")

    again = run_json("retry", id_, "--scope", "expired")

    assert (again["name"], again["recipients"]) == ("spring (again)", 20)
    assert (early.exit_code, "is running" in early.output) == (2, True)
    assert "No recipient of the campaign is failed" in run("retry", id_).output
    assert run("retry", id_, "--scope", "read").exit_code == 2
    assert "may get it twice" in run("retry", id_, "--scope", "unconfirmed").output
    doubted = run("retry", id_, "--scope", "unconfirmed", "--accept-duplicates")
    assert "No recipient of the campaign is unconfirmed" in doubted.output


@pytest.mark.parametrize(
    ("given", "codes", "is_told"),
    [
        ({"skip_unreachable": True}, (), True),
        ({"skip_unreachable": True}, (131026,), True),
        ({"skip_unreachable": True}, (131049,), False),
        ({}, (), False),
    ],
    ids=["all", "its code", "another code", "nobody is left out"],
)
def test_a_repetition_says_that_it_leaves_out_who_is_unreachable(
    store: Store, given: dict[str, Any], codes: tuple[int, ...], is_told: bool
) -> None:
    campaign = a_campaign(store, 3, **given)
    assert change_phase(store, campaign, ["draft"], "completed", "campaign", "over")[0]
    for row, code in enumerate((131026, 131026, 131049)):
        place(store, campaign, row, "failed", code)
    counts: Any = {"cell:waiting": 0, "cell:failed": 3, "code:131026": 2, "code:131049": 1}
    store.redis.hset(campaign_key(campaign.number, campaign.id), mapping=counts)

    result = run("retry", campaign.id, *(word for one in codes for word in ("--code", str(one))))

    sentence = "2 failed with 131026, and like this campaign the draft leaves out"
    told = sentence in " ".join(result.output.split())
    assert (result.exit_code, told) == (0, is_told)


def test_a_file_is_read_by_a_map_of_its_columns() -> None:
    id_ = draft()
    Path("named.csv").write_text("Kontakt,First Name\n+351912345678,Ana\n", encoding="utf-8")
    words = ("audience", id_, "named.csv")

    unnamed, twice = run(*words), run(*words, "--map", "phone=Kontakt", "--map", "phone=x")
    unknown, empty = run(*words, "--map", "phon=Kontakt"), run(*words, "--map", "phone")
    taken = run(*words, "--map", "phone=Kontakt", "--map", "first = First Name")
    known = run("audience", id_, "--tag", "vip", "--map", "phone=Kontakt")

    for result, about in (
        (unnamed, "the columns are Kontakt, First Name. Call that column phone. Or say which"),
        (twice, "--map names one of them twice"),
        (unknown, "--map/phon is unknown; known are first, phone, zone"),
        (empty, "--map/phone must have 1 to"),
        (known, "--map is for the columns of a file"),
    ):
        assert (result.exit_code, about in " ".join(result.output.split())) == (2, True), about
    assert "1 recipient from 1 row" in taken.output


def test_an_audience_is_a_file_or_a_tag() -> None:
    id_ = draft()

    assert "0 recipients from 0 rows" in run("audience", id_, "--tag", "vip").output
    for words in ((), ("people.csv", "--tag", "vip")):
        result = run("audience", id_, *words)
        assert (result.exit_code, "Give a file, or --tag" in result.output) == (2, True)
