"""An operator sees receivers, tests one, pauses and resumes it, and lets it get a range again."""

import base64
import io
import json
import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from gateway.cli.main import app
from gateway.cli.operate.forwards.listen import check_signature, print_post
from gateway.config.receiver_secrets import ReceiverSecrets
from gateway.core.sending.notifications.signature import signed_headers
from gateway.core.webhook.signature import sign
from gateway.store import keys, number_list
from gateway.store.body_codec import Bodies
from gateway.store.inbox.partitions import partition_of
from gateway.store.outgoing.forwards import (
    ReceiverOutcome,
    SettledForward,
    TakenForwards,
    TakeRequest,
    pause_receiver,
    queue_copy,
    settle_forwards,
    take_forwards,
)
from gateway.store.redis.client import Store
from tests.support.cli.gateway_folder import enter_gateway_folder
from tests.support.factories import NUMBER, delivery_body, message_item, status_item
from tests.support.servers import Server
from tests.support.store.raw import raw
from tests.support.tasks.receiving_application import Application, an_application

pytestmark = pytest.mark.store
SIGNING = b"s" * 32
SECRET = f"whsec_{base64.b64encode(SIGNING).decode()}"


@pytest.fixture
def application() -> Iterator[Application]:
    with an_application() as running:
        yield running


@pytest.fixture(autouse=True)
def _settings(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    server: Server,
    store: Store,
    application: Application,
) -> None:
    enter_gateway_folder(tmp_path, monkeypatch, server.url)
    rules = tmp_path / "forwarding.yaml"
    rules.write_text(
        "version: 1\nforwards:\n"
        f'  - {{to: crm, url: "http://127.0.0.1:{application.port}/x?token=hush",'
        " secret: CRM_SECRET, events: message}\nrules: []\n"
    )
    monkeypatch.setenv("GATEWAY_RULES", str(rules))
    monkeypatch.setenv("CRM_SECRET", SECRET)
    number_list.add_number(store, NUMBER)


def run(*args: str) -> Result:
    return CliRunner().invoke(app, ["forwards", *args])


def shown(*args: str) -> Any:
    result = run(*args, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def keep(store: Store, *bodies: bytes) -> None:
    for body in bodies:
        prefix = keys.partition(partition_of(body))
        store.call("keep", prefix, "meta|0|", Bodies().pack(body))


def test_the_list_shows_each_receiver_and_no_token(store: Store) -> None:
    pause_receiver(store, NUMBER, "old")

    rows = {one["receiver"]: one for one in shown("list")["data"]}

    assert rows["crm"]["condition"] == "well"
    assert rows["crm"]["url"].endswith("/x")
    assert (rows["old"]["condition"], bool(rows["old"]["paused_at"])) == ("unnamed", True)
    printed = run("list").output
    assert "not in the rules" in printed
    assert "hush" not in printed


def test_a_test_is_posted_and_signed(application: Application) -> None:
    assert run("test", "crm").output.startswith("crm took it: HTTP 204")

    ((headers, body),) = application.posts
    assert json.loads(body)["type"] == "test"
    verdict = check_signature(headers, body, ReceiverSecrets(), "CRM_SECRET")
    assert verdict == "verified (Standard Webhooks)"


def test_a_receiver_that_refuses_a_test_is_an_error(application: Application) -> None:
    application.status = 404

    result = run("test", "crm")

    assert (result.exit_code, "HTTP 404" in result.output) == (1, True)


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("test", "cmr"), "The rules have no forward cmr; did you mean crm?"),
        (("replay", "crm"), "Say since when"),
    ],
)
def test_what_cannot_be_done_is_a_sentence(args: tuple[str, ...], sentence: str) -> None:
    result = run(*args)

    assert result.exit_code == 2
    assert sentence.replace("crm?", "") in result.output.replace("'", "")


def test_a_receiver_is_paused_and_resumed(store: Store) -> None:
    assert run("pause", "crm").output == "crm is paused.\n"
    assert run("pause", "crm").output == "crm was paused already.\n"
    assert shown("list")["data"][0]["condition"] == "paused"
    assert run("resume", "crm").output == "crm goes on.\n"


def test_a_range_is_posted_again_under_the_same_ids(store: Store) -> None:
    keep(
        store,
        delivery_body(message_item("wamid.1"), message_item("wamid.2")),
        delivery_body(statuses=[status_item("wamid.3", "read")]),
    )
    assert shown("replay", "crm", "--since", "1h", "--dry-run") == {
        "found": 2, "queued": 0, "unopened": 0,
    }  # fmt: skip

    assert shown("replay", "crm", "--since", "1h")["queued"] == 2
    assert shown("replay", "crm", "--since", "1h")["queued"] == 0
    (taken,) = take_forwards(store, [TakeRequest(NUMBER, "crm", 9, together=True)])
    assert isinstance(taken, TakenForwards)
    ids = [one.id for one in taken.forwards]
    done = tuple(SettledForward(one, 0, "delivered", "") for one in ids)
    settle_forwards(store, [ReceiverOutcome(NUMBER, "crm", done)], timedelta(days=1))

    assert shown("replay", "crm", "--since", "1h")["queued"] == 2
    waiting = raw(store).zrange(f"{keys.number(NUMBER)}forwards:crm:waiting", 0, -1)
    assert sorted(one.decode() for one in waiting) == sorted(ids)


@pytest.mark.parametrize("name", ["crm", "old"])
def test_what_waits_for_a_receiver_is_dropped_also_if_the_rules_lack_it(
    store: Store, name: str
) -> None:
    for n in range(150):
        queue_copy(store, NUMBER, name, f"{n}-{name}", Bodies().pack(b"{}"))
    keep(store, delivery_body(message_item("wamid.1")))
    if name == "crm":
        assert shown("replay", "crm", "--since", "1h")["queued"] == 1

    count = 151 if name == "crm" else 150
    assert run("drop", name, "--yes").output.startswith(f"{count} events dropped")

    queue = f"{keys.number(NUMBER)}forwards:{name}"
    assert not raw(store).exists(f"{queue}:waiting", f"{queue}:kept", f"{queue}:ready")
    dead = [one.decode() for one in raw(store).zrange(f"{queue}:dead", 0, -1)]
    assert len(dead) == count
    assert all(raw(store).hget(f"{keys.number(NUMBER)}forward:{one}", "copy") for one in dead)
    result = run("drop", name, "--yes")
    assert (result.exit_code, "Nothing waits" in result.output) == (2, True)


@pytest.mark.parametrize("is_changed", [False, True])
def test_a_listener_tells_a_signature_that_fits(
    monkeypatch: pytest.MonkeyPatch, is_changed: bool
) -> None:
    monkeypatch.setenv("BOT", "a-secret")
    body, posted = b"{}", b"[]" if is_changed else b"{}"
    ours = {k.lower(): v for k, v in signed_headers([SIGNING], "id", 1, body).items()}
    metas = {"x-hub-signature-256": sign(body, b"a-secret")}

    verdicts = [
        check_signature(ours, posted, ReceiverSecrets(), "CRM_SECRET"),
        check_signature(metas, posted, ReceiverSecrets(), "BOT"),
    ]

    assert [one.startswith("WRONG") for one in verdicts] == [is_changed] * 2
    assert check_signature(ours, body, ReceiverSecrets(), "NOWHERE").startswith("not verified")


def test_a_listener_prints_as_it_is_what_would_be_markup() -> None:
    out = io.StringIO()

    print_post(Console(file=out), {"webhook-id": "[/red]"}, b"{}", "verified")

    assert "[/red] 2 bytes, verified" in out.getvalue()


@pytest.mark.parametrize(
    ("verdict", "colour"),
    [("verified (Meta's form)", "32"), ("WRONG: mismatch", "31"), ("not verified: why", "33")],
)
def test_only_a_signature_that_fits_is_green(verdict: str, colour: str) -> None:
    out = io.StringIO()

    print_post(Console(file=out, force_terminal=True, highlight=False), {}, b"{}", verdict)

    assert f"\x1b[{colour}m{verdict}" in out.getvalue()


def test_a_listener_without_its_secret_says_so_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = run("listen", "--secret", "NOWHERE", "--port", str(taken.getsockname()[1]))

    assert "NOWHERE is not set, so nothing can be verified" in result.output
    assert (result.exit_code, "cannot be used" in result.output) == (2, True)
