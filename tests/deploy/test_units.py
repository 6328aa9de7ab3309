"""The systemd units run what compose runs, with as few rights."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.cli.local import dev_guard
from gateway.cli.run.worker import CALLS_STOP_WITHIN_S
from gateway.rules.language.outgoing.services import MOST_TIMEOUT
from tests.deploy.compose import OURS, ROOT, SERVICES

UNITS = ROOT / "deploy/systemd"
SERVED = sorted(path for path in UNITS.glob("*.service") if path.stem != "gateway-backup")
PREFIX = "/opt/whatsapp-gateway"
RIGHTS = (
    "NoNewPrivileges=yes", "CapabilityBoundingSet=", "ProtectSystem=strict", "PrivateTmp=yes",
    "PrivateDevices=yes", "ProtectHome=yes", "User=gateway", "KillMode=mixed", "Restart=always",
)  # fmt: skip


def command(path: Path) -> str:
    """Return what a unit starts, in its own folder, as compose writes it."""
    (start,) = re.findall(r"^ExecStart=(.*)$", path.read_text(), re.M)
    return str(start).replace(f"{PREFIX}/.venv/bin/", "").replace("%%", "%")


@pytest.mark.parametrize("path", SERVED, ids=lambda path: path.stem)
def test_a_unit_has_few_rights_and_the_time_of_compose_to_end(path: Path) -> None:
    lines = path.read_text().splitlines()

    assert set(RIGHTS) <= set(lines)
    makes_calls = path.stem in ("gateway-worker", "gateway-worker-outgoing")
    assert f"TimeoutStopSec={75 if makes_calls else 45}" in lines
    assert "EnvironmentFile=-/etc/whatsapp-gateway.env" in lines


def test_gateway_worker_ends_within_the_time_of_its_unit() -> None:
    assert MOST_TIMEOUT.total_seconds() < CALLS_STOP_WITHIN_S < dev_guard.STOP_WITHIN_S < 75


@pytest.mark.parametrize("name", [name for name in OURS if name.startswith(("worker-", "celery-"))])
def test_a_unit_starts_what_compose_starts(name: str) -> None:
    started = command(UNITS / f"gateway-{name.removeprefix('celery-')}.service")

    assert shlex.split(started) == shlex.split(SERVICES[name]["command"])


def test_flower_has_the_settings_of_compose() -> None:
    started = command(UNITS / "gateway-flower.service")

    assert "--conf=deploy/flowerconfig.py" in shlex.split(SERVICES["flower"]["command"])
    assert "--conf=deploy/flowerconfig.py" in shlex.split(started)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_systemd_reads_every_unit_without_a_complaint(tmp_path: Path) -> None:
    for path in UNITS.iterdir():
        text = path.read_text().replace(f"{PREFIX}/.venv/bin", str(Path(sys.executable).parent))
        (tmp_path / path.name).write_text(text.replace(PREFIX, str(ROOT)))
    files = [str(path) for path in tmp_path.iterdir()]
    done = subprocess.run(
        ["systemd-analyze", "verify", *files], capture_output=True, text=True, check=False,
        env=os.environ | {"SYSTEMD_LOG_LEVEL": "warning"},
    )  # fmt: skip

    ours = [line for line in done.stderr.splitlines() if "gateway-" in line]
    assert (done.returncode, ours) == (0, [])


def test_the_page_names_every_file_that_is_to_be_copied() -> None:
    page = (ROOT / "docs/deploy.md").read_text()

    for path in (ROOT / "deploy").rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            assert path.name in page, path
