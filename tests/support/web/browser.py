"""One headless Chromium for all tests of a session, and what a page of it must not do."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.support.servers import wait_until

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
INSTALL = (
    "Chromium is missing: "
    "apt-get install --no-install-recommends chromium fonts-dejavu-core fonts-noto-color-emoji"
)
# Nothing of it may speak to anybody but the page's own server, and no keyring is asked for. Without
# a window at the start no page is loading while a test connects: Playwright would wait for the load
# of such a page, and where that was over a moment ago it would wait in vain.
ARGUMENTS = [
    "--headless=new", "--no-startup-window", "--remote-debugging-port=0",
    "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-extensions", "--no-first-run", "--password-store=basic",
    # Pages of a window that another one covers are not slowed down.
    "--disable-background-timer-throttling", "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
]  # fmt: skip
# Chromium starts in a second; one that has not started by then is ended, and another one begins.
START_S, STARTS = 60.0, 3
SERIOUS = ("serious", "critical")
# A shared machine may stand still for seconds, and a file is read by a process that starts first.
PATIENT_MS = 90_000
expect.set_options(timeout=PATIENT_MS)


@contextmanager
def running_chromium(profile: Path) -> Iterator[str]:
    """Run the browser; yield its address. Without one the test is skipped, but not where CI is set.

    Playwright's own start would leave its event loop running for the tests behind.
    """
    if not Path(CHROMIUM).exists():
        if os.environ.get("CI"):
            pytest.fail(INSTALL)
        pytest.skip(INSTALL)
    process, address = _start(profile)
    try:
        yield address
    finally:
        _end(process)


def _start(profile: Path) -> tuple[subprocess.Popen[bytes], str]:
    """Start Chromium, once more where it hangs, and return it with its address."""
    for count in range(1, STARTS + 1):
        own = profile.with_name(f"{profile.name}-{count}")
        process = _launch(own)
        if address := _wait_for_address(own):
            return process, address
        _end(process)
    pytest.fail(f"Chromium did not start in {STARTS} times {START_S:.0f} s: see {profile}-*.log")


def _launch(profile: Path) -> subprocess.Popen[bytes]:
    with profile.with_suffix(".log").open("wb") as log:
        return subprocess.Popen(
            [CHROMIUM, *ARGUMENTS, f"--user-data-dir={profile}"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _wait_for_address(profile: Path) -> str | None:
    """Return the address that Chromium writes into its profile, or None where it does not start."""
    file = profile / "DevToolsActivePort"

    def is_written() -> bool:
        return file.exists() and len(file.read_text().split()) == 2

    try:
        wait_until(is_written, "Chromium has started", START_S)
    except AssertionError:
        return None
    port, path = file.read_text().split()
    return f"ws://127.0.0.1:{port}{path}"


def _end(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextmanager
def connected(address: str) -> Iterator[Browser]:
    """Connect to the browser for one test."""
    with sync_playwright() as playwright:
        yield playwright.chromium.connect_over_cdp(address, timeout=PATIENT_MS)


@dataclass
class Tab:
    """A page, and what went wrong in it: errors of scripts, and reports of the CSP."""

    page: Page
    url: str
    troubles: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        self.page.goto(self.url + path)

    def findings(self) -> list[str]:
        """Return what axe finds that keeps people from using the page."""
        violations: Any = Axe().run(self.page).response["violations"]
        return [
            f"{one['id']}: {node['html'][:200]} {node['failureSummary']}"
            for one in violations
            if one["impact"] in SERIOUS
            for node in one["nodes"]
        ]


@contextmanager
def a_tab(browser: Browser, url: str, **options: Any) -> Iterator[Tab]:
    """Open a tab of its own; at the end nothing may have gone wrong in it."""
    context = browser.new_context(**options)
    page = context.new_page()
    page.set_default_timeout(PATIENT_MS)
    tab = Tab(page, url)

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            tab.troubles.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: tab.troubles.append(str(error)))
    try:
        yield tab
        assert tab.troubles == []
    finally:
        context.close()
