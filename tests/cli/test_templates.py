"""`gateway templates` beside a store and a Meta of their own."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from gateway.cli.operate.templates.command import commands
from gateway.cli.operate.templates.files import read_drafts
from gateway.store.redis.client import Store
from gateway.store.templates.registry import TemplateRegistry
from gateway.store.templates.sync import sync_templates
from tests.graph.test_setup import answering, reply
from tests.support.servers import Server
from tests.support.templates import WABA, MetaList, a_row
from tests.support.web.socket_servers import Serve, serving

pytestmark = pytest.mark.store
CHANGED = a_row("changed", category="MARKETING")


@pytest.fixture
def serve() -> Iterator[Serve]:
    with serving() as start:
        yield start


@pytest.fixture(autouse=True)
def _environment(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    values = {
        "REDIS_URL": server.url, "META_WABA_ID": WABA, "META_APP_SECRET": "s",
        "META_VERIFY_TOKEN": "v", "META_ACCESS_TOKEN": "t", "META_PHONE_NUMBER_ID": "1",
        "META_GRAPH_URL": "http://127.0.0.1:9",
    }  # fmt: skip
    for name, value in values.items():
        monkeypatch.setenv(name, value)


def run(*args: str) -> Result:
    return CliRunner().invoke(commands, args)


def meta(serve: Serve, monkeypatch: pytest.MonkeyPatch, *answers: Any) -> list[str]:
    """Let Meta give these answers, and return what it was asked."""
    asked: list[str] = []
    graph = serve(answering([reply(one) for one in answers], asked))
    monkeypatch.setenv("META_GRAPH_URL", graph)
    return asked


def fetched(store: Store, *rows: dict[str, Any]) -> None:
    sync_templates(TemplateRegistry(store, WABA), MetaList(list(rows)))


def test_templates_are_listed_and_shown(store: Store) -> None:
    fetched(store, a_row(), a_row("bye", status="PAUSED"))
    listed, unusable = run("list"), json.loads(run("list", "--status", "unusable", "--json").stdout)
    shown = run("show", "order_sent", "en-US")
    missing = run("show", "order_sent", "pt_PT")

    assert "2 templates; the list is 0 min old." in listed.stdout
    assert [one["name"] for one in unusable["data"]] == ["bye"]
    assert "body 2: text, up to 995 characters '17'" in shown.stdout
    assert (missing.exit_code, "there is order_sent en_US" in missing.stderr) == (2, True)


def test_a_template_is_drawn_with_its_values(store: Store, tmp_path: Path) -> None:
    fetched(store, a_row())
    params = ("--param", "<Ana>", "--param", "17")
    page = run("preview", "order_sent", "en_US", *params).stdout
    written = run("preview", "order_sent", "en_US", "--param", "x", "--out", "a.html")

    assert "&lt;Ana&gt;" in page
    assert "<Ana>" not in page
    assert "lacks 2 of the body" in written.stderr
    assert (tmp_path / "a.html").read_text().startswith("<!doctype html>")


def test_the_list_is_fetched_once_a_minute(
    store: Store, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = meta(serve, monkeypatch, {"data": [a_row()]})
    first, again = run("sync"), run("sync")

    assert (first.exit_code, first.stdout) == (0, "1 template; the list is 0 min old.\n")
    assert (again.exit_code, len(asked)) == (2, 1)


def test_templates_are_pulled_into_files_that_do_not_differ(
    store: Store, serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rows = {"data": [a_row(), a_row("../odd"), CHANGED]}
    meta(serve, monkeypatch, rows, rows, {"data": [a_row(), CHANGED]})
    first, second, same = run("pull"), run("pull"), run("diff")

    names = sorted(one.name for one in (tmp_path / "templates").iterdir())
    assert names == ["changed.en_US.yaml", "order_sent.en_US.yaml"]
    assert "2 templates, 2 files changed." in first.stdout
    assert "../odd en_US is left out" in first.stderr
    assert "2 templates, 0 files changed." in second.stdout
    assert (same.exit_code, same.stdout) == (0, "The files are as Meta has them.\n")


def test_what_differs_is_shown_and_pushed(
    store: Store, serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mine = {"data": [a_row(), a_row("fresh"), a_row("changed")]}
    at_meta = {"data": [a_row(), CHANGED, a_row("only_there")]}
    done = {"success": True}
    asked = meta(serve, monkeypatch, mine, at_meta, at_meta, {"id": "2"}, done)
    run("pull")
    different = run("diff", "--json")
    pushed = run("push", "--yes")

    assert different.exit_code == 1
    assert [(one["kind"], one["template"]) for one in json.loads(different.stdout)["changes"]] == [
        ("changed", "changed en_US"),
        ("new", "fresh en_US"),
        ("only at Meta", "only_there en_US"),
    ]
    assert pushed.exit_code == 0, pushed.output
    assert "changed en_US: edited." in pushed.stdout
    assert "fresh en_US: created." in pushed.stdout
    assert [one.split(" HTTP")[0] for one in asked[3:]] == [
        "POST /v25.0/1689556908129832",
        f"POST /v25.0/{WABA}/message_templates",
    ]


def test_nothing_is_pushed_while_one_file_is_wrong(
    store: Store, serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = meta(serve, monkeypatch, {"data": [a_row()]})
    run("pull")
    path = tmp_path / "templates" / "order_sent.en_US.yaml"
    path.write_text(path.read_text().replace("is on its way.", ""))
    pushed = run("push", "--yes")

    assert (pushed.exit_code, len(asked)) == (2, 1)
    assert "ends with a parameter" in " ".join(pushed.stderr.split())


def test_days_and_numbers_of_examples_are_texts(tmp_path: Path) -> None:
    head = "name: dated\nlanguage: en\ncategory: UTILITY\ncomponents:\n"
    body = "  - type: BODY\n    text: 'For {{1}}, {{2}}, {{3}}.'\n    example:\n"
    rows = "      body_text: [[2026-11-30, 17, 9.50]]\n"
    (tmp_path / "dated.en.yaml").write_text(head + body + rows)

    ((_, draft),) = read_drafts(tmp_path).values()

    assert draft.components[0]["example"] == {"body_text": [["2026-11-30", "17", "9.50"]]}


@pytest.mark.parametrize(
    "text", ["a: [", "name: no", "- x", "name: !!binary aGk=", "components: &a [*a]"]
)
def test_a_file_that_cannot_be_read_is_named(store: Store, tmp_path: Path, text: str) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "odd.yaml").write_text(text)
    found = run("diff")

    assert (found.exit_code, "odd.yaml: " in found.stderr) == (2, True)


def test_a_refusal_of_meta_is_one_sentence(
    store: Store, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    meta(serve, monkeypatch, {"error": {"code": 190, "message": "secret"}})

    found = run("pull")
    assert (found.exit_code, "The access token is not valid" in found.stderr) == (2, True)
