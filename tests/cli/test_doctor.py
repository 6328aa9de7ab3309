"""`gateway doctor` looks at everything at once, tells it, and its exit code says how it stands."""

import json
import os
import pty
import resource
import signal
import subprocess
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis
from typer.testing import CliRunner, Result

from gateway.cli.local import target
from gateway.cli.local.workspace import Running
from gateway.cli.main import app
from gateway.cli.setup.doctor.checks.settings_file import Given
from gateway.cli.setup.doctor.facts import CHECKS, DoctorFacts
from gateway.cli.setup.doctor.findings import Check, Unseen, fine, run_checks
from gateway.cli.setup.doctor.probes import run_looks
from gateway.cli.setup.doctor.report import screen
from gateway.store.coordination import run_ages
from gateway.store.redis.client import Store
from tests.cli.test_status_view import shown_of
from tests.support.cli.dev_gateway import GATEWAY, RULES, environment
from tests.support.cli.doctor_facts import WELL, found, meta
from tests.support.factories import NUMBER
from tests.support.servers import Server, free_port, wait_until
from tests.support.store.raw import raw

pytestmark = pytest.mark.store

SECRETS = ("hush-app-secret", "hush-verify-token", "EAAhushtoken")


def write_settings(redis_url: str, **more: str) -> None:
    secret, word, token = SECRETS
    given = {
        "REDIS_URL": redis_url, "META_APP_SECRET": secret, "META_VERIFY_TOKEN": word,
        "META_ACCESS_TOKEN": token, "META_PHONE_NUMBER_ID": NUMBER, "GATEWAY_RULES": "rules.yaml",
        "META_APP_ID": "300", "META_WABA_ID": "200",
        "META_GRAPH_URL": f"http://127.0.0.1:{free_port()}", **more,
    }  # fmt: skip
    Path(".env").write_text("".join(f"{name}={value}\n" for name, value in given.items()))


@pytest.fixture(autouse=True)
def _settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rules.yaml").write_text(RULES)
    write_settings(server.url)


def doctor(*args: str) -> Result:
    return CliRunner().invoke(app, ["doctor", *args])


def advice_of(name: str) -> str:
    return next(check.advice for check in CHECKS if check.name == name)


def told(result: Result) -> dict[str, dict[str, Any]]:
    return {one["check"]: one for one in json.loads(result.stdout)["checks"]}


def test_without_workers_the_right_checks_are_broken_and_the_exit_code_is_1(store: Store) -> None:
    run_ages.record_run(store, "tick")
    run_ages.record_run(store, "web")

    result = doctor("--json", "--offline")

    checks = told(result)
    broken = [name for name, one in checks.items() if one["state"] == "broken"]
    assert result.exit_code == 1
    assert broken == [
        "worker critical", "worker default", "worker bulk", "worker scheduled", "worker outgoing",
        "beat",
    ]  # fmt: skip
    assert checks["beat"]["advice"] == advice_of("beat")
    assert checks["persistence"]["state"] == "fine"
    assert checks["graph"]["reason"] == "not looked at: asked to stay offline"


def test_looking_changes_nothing(store: Store) -> None:
    doctor("--offline")

    assert [key for key in raw(store).keys("*") if not key.startswith(b"gw:celery:")] == []


def test_a_store_and_a_meta_that_are_away_are_one_sentence_each() -> None:
    write_settings(f"redis://127.0.0.1:{free_port()}/0")

    checks = told(doctor("--json"))

    broken = [name for name, one in checks.items() if one["state"] == "broken"]
    assert broken == ["store", "graph"]
    assert "Redis does not answer (ConnectionRefusedError)" in checks["store"]["reason"]
    assert checks["broker"]["reason"] == "not looked at: it is the store's server"
    assert "Meta cannot be reached" in checks["graph"]["reason"]
    assert checks["worker default"]["reason"] == "not looked at: the broker does not answer"
    assert checks["handshake"]["reason"] == "not looked at: Meta cannot be reached"


@pytest.mark.usefixtures("gives_up_soon")
def test_a_store_that_hangs_is_given_up_in_time(tmp_path: Path) -> None:
    frozen = Server(tmp_path / "frozen").start()
    frozen.send_signal(signal.SIGSTOP)
    try:
        write_settings(frozen.url)
        began = time.monotonic()
        result = doctor("--json", "--offline")
        took_s = time.monotonic() - began
    finally:
        frozen.kill()

    broken = [name for name, one in told(result).items() if one["state"] == "broken"]
    assert broken == ["store"]
    assert took_s < 60


def test_at_a_terminal_it_says_what_it_still_looks_at() -> None:
    write_settings(f"redis://127.0.0.1:{free_port()}/0")
    ours, theirs = pty.openpty()
    command = [*GATEWAY, "doctor", "--offline"]
    ended = subprocess.run(
        command, env=environment(TERM="xterm"), stdout=subprocess.PIPE, stderr=theirs, timeout=180
    )
    os.close(theirs)
    shown = os.read(ours, 65_536)
    os.close(ours)

    assert b"looking at" in shown
    assert b"looking" not in ended.stdout
    assert ended.returncode == 1


def test_settings_that_are_missing_are_told_each_and_nothing_else_is_looked_at() -> None:
    Path(".env").write_text("REDIS_URL=nowhere\n")

    result = doctor("--json")

    checks = json.loads(result.stdout)["checks"]
    wrong = [one["reason"] for one in checks if one["state"] == "broken"]
    assert result.exit_code == 1
    assert any("REDIS_URL is no Redis address" in one for one in wrong)
    assert any("META_APP_SECRET is not set" in one for one in wrong)
    assert {one["check"] for one in checks} == {check.name for check in CHECKS}


@pytest.mark.parametrize("address", ["", "store:6379"], ids=["missing", "malformed"])
def test_meta_and_rules_are_looked_at_without_an_address_of_redis(address: str) -> None:
    write_settings(address)

    found = told(doctor("--json"))

    assert "REDIS_URL" in found["settings"]["reason"]
    assert found["store"]["state"] == "unseen"
    assert found["rules"]["state"] == "fine"
    assert "Meta cannot be reached" in found["number"]["reason"]


def test_a_file_of_settings_that_is_no_text_is_told() -> None:
    Path(".env").write_bytes(b"META_APP_SECRET=\xff\xfe\n")

    assert ".env cannot be read" in told(doctor("--json"))["settings"]["reason"]


def test_a_password_that_is_refused_is_told_as_such(tmp_path: Path) -> None:
    closed = Server(tmp_path / "closed").start()
    try:
        closed.command("CONFIG", "SET", "requirepass", "another")
        write_settings(f"redis://:hush-password@127.0.0.1:{closed.port}/0")
        result = doctor("--json", "--offline")
    finally:
        closed.kill()

    assert "wants another user or password" in told(result)["store"]["reason"]
    assert "hush-password" not in result.output


def test_a_full_disk_is_told_by_a_server_that_refuses_even_a_ping(tmp_path: Path) -> None:
    full = Server(tmp_path / "full", appendfsync="everysec").start()
    assert full.process
    try:
        resource.prlimit(full.process.pid, resource.RLIMIT_FSIZE, (0, 0))
        full.command("SET", "one", "more")
        wait_until(lambda: refuses(full), "the server has seen that nothing can be written")
        write_settings(full.url)
        checks = told(doctor("--json", "--offline"))
    finally:
        full.kill()

    assert (checks["store"]["state"], checks["store disk"]["state"]) == ("fine", "broken")


def refuses(server: Server) -> bool:
    try:
        return not server.command("PING")
    except redis.ResponseError:
        return True


def test_nothing_secret_is_ever_printed(store: Store) -> None:
    result = doctor()

    assert "✗ graph" in result.output
    assert [one for one in SECRETS if one in result.output] == []


@pytest.mark.parametrize("own", [True, False], ids=["a server of its own", "the one that is set"])
def test_a_gateway_of_this_folder_has_its_broker_where_it_has_its_store(own: bool) -> None:
    store, broker = "redis://127.0.0.1:1/0", "redis://127.0.0.1:2/0"
    write_settings(store, CELERY_BROKER_URL=broker)
    runs_at = "redis://127.0.0.1:3/0" if own else store
    running = Running(1, "http://127.0.0.1:4", "", runs_at, "rules.yaml", NUMBER, "")

    assert target.settings_for(running).broker_url == (runs_at if own else broker)


def test_beside_a_sandbox_the_sandbox_is_meta() -> None:
    write_settings("redis://127.0.0.1:1/0", META_ACCESS_TOKEN="real")
    running = Running(
        1, "http://127.0.0.1:4", "http://127.0.0.1:5", "redis://127.0.0.1:3/0", "rules.yaml",
        NUMBER, "secret", "token",
    )  # fmt: skip

    settings = target.settings_for(running)

    assert settings.meta_graph_url == "http://127.0.0.1:5"
    assert settings.meta_access_token.get_secret_value() == "token"
    assert settings.app_secrets[0] == b"secret"


def test_an_option_that_is_none_is_bad_input() -> None:
    assert doctor("--ofline").exit_code == 2


def test_where_only_warnings_are_left_the_exit_code_is_0(monkeypatch: pytest.MonkeyPatch) -> None:
    warned = _with({"given": Given(mode=0o100644)})
    monkeypatch.setattr("gateway.cli.setup.doctor.command.collect_facts", lambda *_, **__: warned)

    result = doctor("--json")

    assert result.exit_code == 0
    assert json.loads(result.stdout)["well"] is True
    assert json.loads(result.stdout)["counts"] == {
        "fine": len(CHECKS) - 1, "warning": 1, "broken": 0, "unseen": 0,
    }  # fmt: skip


def test_what_to_do_about_several_in_a_row_is_said_once() -> None:
    shown = shown_of(screen(found(_with({"given": Given(("A is not set", "B is not set"))}))))

    assert shown.count("✗ settings") == 2
    assert shown.count("gateway init") == 1


def test_a_check_that_fails_takes_no_other_with_it() -> None:
    checks = (Check("g", "odd", lambda _: 0, lambda one: [fine(f"{1 / one}")]), CHECKS[0])

    odd, settings = run_checks(checks, WELL)

    assert "ZeroDivisionError" in odd.message
    assert (odd.state, settings.state) == ("unseen", "fine")


def test_the_screen_marks_what_is_wrong_and_says_what_to_do() -> None:
    shown = shown_of(screen(found(_with(meta(subscribed=())))))

    assert "✗ subscribed" in shown
    assert "→ " + advice_of("subscribed")[:40] in shown
    assert "✓ token" in shown
    assert shown.rstrip().endswith("✗ 1 thing broken, 0 warnings, 0 not looked at")


def test_what_was_not_looked_at_for_one_reason_is_one_line() -> None:
    shown = shown_of(screen(found(_with({"meta": Unseen("asked to stay offline")}))))

    assert shown.count("asked to stay offline") == 2
    assert "nothing is broken" in shown


def test_a_look_that_hangs_or_fails_takes_no_other_with_it() -> None:
    over = threading.Event()
    looks = {"hangs": over.wait, "fails": lambda: 1 / 0, "works": lambda: "seen"}

    began = time.monotonic()
    seen = run_looks(looks, within_s=0.3)
    took_s = time.monotonic() - began
    over.set()

    assert seen["works"] == "seen"
    assert seen["hangs"] == Unseen("nothing came back within 0 s")
    assert "ZeroDivisionError" in seen["fails"].why
    assert took_s < 30


def test_who_waits_is_told_what_is_still_looked_at() -> None:
    first, heard = threading.Event(), list[list[str]]()

    def tell(under_way: list[str]) -> None:
        heard.append(under_way)
        if under_way == ["second"]:
            first.set()

    run_looks({"first": lambda: None, "second": lambda: first.wait(60)}, 60, tell)

    assert heard[-1] == ["second"]


def _with(change: dict[str, Any]) -> DoctorFacts:
    return replace(WELL, **change)
