"""Make docs/console.png and docs/conversation.png, the console over a shop where people write."""

import json
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import httpx
from playwright.sync_api import Page, sync_playwright
from terminals import CUSTOMER, GATEWAY, ROOT, crowd, env, free_port, until, wait_for

SIZE = {"width": 1180, "height": 900}
COLUMNS = 92
USER, PASSWORD = "ana", "a password for a picture"
SAID = ("hello", "where is order 4711?", "I want a human", "are you there?")


def main() -> None:
    """Start everything in an empty folder, let customers write, and take the pictures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(ROOT / "examples/shop", folder / "rules")
        dev = subprocess.Popen(
            [*GATEWAY, "dev", "--port", str(free_port())],
            cwd=folder, env=env(COLUMNS), stdout=(folder / "dev").open("wb"),
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            wait_for(folder / ".gateway")
            running = json.loads(next(folder.rglob("dev.json")).read_text())
            add_user(folder)
            until(folder / "dev", "Ctrl-C")
            (api,) = re.findall(r"^ +api +(\S+),", (folder / "dev").read_text(), re.MULTILINE)
            take(api, f"{running['sandbox']}/sandbox/customers")
        finally:
            dev.send_signal(signal.SIGINT)
            dev.wait(30)


def add_user(folder: Path) -> None:
    """Add the user who signs in."""
    subprocess.run(
        [*GATEWAY, "console-users", "add", USER, "--role", "admin"],
        cwd=folder, env=env(COLUMNS), input=f"{PASSWORD}\n".encode(), check=True,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip


def take(api: str, customers: str) -> None:
    """Sign in, and take a picture of the overview at work, and of a conversation."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport=SIZE, color_scheme="light")
        page.goto(f"{api}/console/")
        page.get_by_label("Name").fill(USER)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("heading", name="Overview").wait_for()
        crowding = threading.Thread(target=crowd, args=[customers])
        crowding.start()
        crowding.join()
        page.screenshot(path=ROOT / "docs/console.png")
        talk(page, customers)
        page.screenshot(path=ROOT / "docs/conversation.png")
        browser.close()


def talk(page: Page, customers: str) -> None:
    """Let a customer ask for a person, and answer by hand."""
    for nth, text in enumerate(SAID):
        url = f"{customers}/{CUSTOMER.removeprefix('+')}/messages"
        httpx.post(url, json={"text": text}).raise_for_status()
        if nth == 0:
            search(page)
        page.locator(".entry-row.customer").nth(nth).wait_for()
    page.get_by_label("Reply by hand").fill("Good morning, this is Ana. How can I help?")
    page.get_by_role("button", name="Send").click()
    page.get_by_text(f"by hand: {USER}").wait_for()


def search(page: Page) -> None:
    """Open the customer's conversation, and see it unmasked."""
    page.keyboard.press("g")
    page.keyboard.press("c")
    while True:
        page.get_by_role("searchbox").fill(CUSTOMER)
        page.get_by_role("button", name="Search").click()
        page.wait_for_load_state()
        if page.get_by_label("Why do you look?").count():
            break
        page.go_back()
    page.get_by_label("Why do you look?").fill("The customer asked for a person.")
    page.get_by_role("button", name="Show texts and numbers").click()


if __name__ == "__main__":
    sys.exit(main())
