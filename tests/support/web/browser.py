"""One headless Chromium for all tests of a session, and what a page of it must not do."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.support.servers import free_port, wait_until

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
INSTALL = (
    "Chromium is missing: "
    "apt-get install --no-install-recommends chromium fonts-dejavu-core fonts-noto-color-emoji"
)
# Nothing of it may speak to anybody but the page's own server.
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run", "--disable-dev-shm-usage",
]  # fmt: skip
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
    port = free_port()
    more = ["--headless=new", f"--remote-debugging-port={port}", f"--user-data-dir={profile}"]
    with (profile.parent / "chromium.log").open("wb") as log:
        process = subprocess.Popen(
            [CHROMIUM, *ARGUMENTS, *more], stdout=log, stderr=log, start_new_session=True
        )
    try:
        wait_until(lambda: _answers(port), "Chromium answers")
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def connected(address: str) -> Iterator[Browser]:
    """Connect to the browser for one test."""
    with sync_playwright() as playwright:
        yield playwright.chromium.connect_over_cdp(address, timeout=4 * PATIENT_MS)


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
