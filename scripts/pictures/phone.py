"""Make docs/phone.png, the phone in the browser, from a real conversation with the shop."""

import json
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Locator, Page, sync_playwright
from terminals import env, free_port, wait_for

ROOT = Path(__file__).parents[2]
ANA, RUI = "351900000001", "351900000002"
SIZE = {"width": 1180, "height": 720}
COLUMNS = 92


def main() -> None:
    """Start everything in an empty folder, write on two phones, and take the picture."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(ROOT / "examples/shop", folder / "rules")
        dev = subprocess.Popen(
            [sys.executable, "-m", "gateway.cli", "dev", "--port", str(free_port())],
            cwd=folder, env=env(COLUMNS), stdout=(folder / "dev").open("wb"),
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            wait_for(folder / ".gateway")
            take(json.loads(next(folder.rglob("dev.json")).read_text())["sandbox"])
        finally:
            dev.send_signal(signal.SIGINT)
            dev.wait(30)


def take(sandbox: str) -> None:
    """Write on the phones, and take the picture once all answers are there."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport=SIZE, color_scheme="light")
        page.goto(f"{sandbox}/phone?as={ANA}&as={RUI}")
        ana, rui = (page.locator(f"[data-customer='{one}']") for one in (ANA, RUI))
        name(ana, "Ana")
        name(rui, "Rui")
        say(ana, "hello", reasons=1)
        tap(ana, reasons=2)
        say(ana, "where is order 4711?", reasons=3)
        arm(page, "131026")
        say(rui, "hello", reasons=1)
        page.mouse.move(0, 0)
        page.screenshot(path=ROOT / "docs/phone.png")
        browser.close()


def name(phone: Locator, called: str) -> None:
    """Give the customer a name."""
    about = phone.get_by_text("This customer")
    about.click()
    phone.get_by_label("Name", exact=True).fill(called)
    about.click()


def say(phone: Locator, text: str, reasons: int) -> None:
    """Write a text, and wait until so many messages have a reason beside them."""
    field = phone.get_by_label("Message", exact=True)
    field.fill(text)
    field.press("Enter")
    phone.locator(".reason").nth(reasons - 1).wait_for()


def tap(phone: Locator, reasons: int) -> None:
    """Tap the first button, and wait for the reason of what follows."""
    phone.locator(".taps button").first.click()
    phone.locator(".reason").nth(reasons - 1).wait_for()


def arm(page: Page, code: str) -> None:
    """Let messages fail with a code of Meta's."""
    page.get_by_text("Faults").click()
    page.get_by_label("Meta's code instead").fill(code)
    page.get_by_role("button", name="Arm").click()


if __name__ == "__main__":
    main()
