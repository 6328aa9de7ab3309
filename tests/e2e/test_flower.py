"""Flower started by hand, with the command of docs/operations.md, is as closed as in compose."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.deploy.compose import LOGIN, ROOT
from tests.support.forked_process import run_python
from tests.support.servers import Program, Server, free_port, wait_until
from tests.support.stack import Stack

pytestmark = pytest.mark.e2e

CONFIG = ROOT / "deploy/flowerconfig.py"
COMMAND = [sys.executable, "-m", "celery", "-A", "tasks", "flower", f"--conf={CONFIG}"]
PAGES = ["/", "/workers", "/tasks", "/broker", "/metrics", "/api/workers", "/api/queues/length"]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory, server: Server) -> Iterator[str]:
    """Start Flower with its login in `.env`, as the settings of the gateway are."""
    folder, port = tmp_path_factory.mktemp("flower"), free_port()
    (folder / ".env").write_text(f"FLOWER_BASIC_AUTH={':'.join(LOGIN)}\n")
    env = Stack(folder, server).env
    program = Program([*COMMAND, f"--port={port}"], env, folder / "flower.log", folder)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: answers(url), "Flower answers")
        yield url
    finally:
        program.stop()


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthcheck").text == "OK"
    except httpx.HTTPError:
        return False


def test_the_documented_command_names_the_file_with_the_settings() -> None:
    command = "celery -A tasks flower --conf=deploy/flowerconfig.py"

    assert f"\n{command}\n" in (ROOT / "docs/operations.md").read_text()


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_shown_to_the_login_only(url: str, page: str) -> None:
    assert httpx.get(url + page).status_code == 401
    assert httpx.get(url + page, auth=LOGIN).status_code == 200


def test_not_even_the_login_changes_anything(url: str) -> None:
    asked = httpx.post(f"{url}/api/worker/shutdown/celery@nowhere", auth=LOGIN)

    assert asked.status_code == 403


@pytest.mark.parametrize("login", ["", "ana", "ana:", ":word", "ana:word,bob"])
def test_without_a_whole_login_it_does_not_start(
    tmp_path: Path, server: Server, login: str
) -> None:
    env = os.environ | Stack(tmp_path, server).env | {"FLOWER_BASIC_AUTH": login}
    ended = run_python(COMMAND[1:], env, tmp_path)

    assert ended.returncode == 1
    assert "Flower needs FLOWER_BASIC_AUTH=user:password" in ended.stderr
