"""Draw the pictures of docs/messages.md, docs/messages/*.svg, from the bodies on the page.

The renderer of the gateway draws them; Chromium only measures how high each is.
"""

import html
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.core.messages.rendering import STYLESHEET, ChatMessage, render_chat, render_picture

ROOT = Path(__file__).parents[2]
PAGE, FOLDER = ROOT / "docs/messages.md", ROOT / "docs/messages"
WIDTH = 380
SECTION = re.compile(r"^##+ .*?(?=^##|\Z)", re.DOTALL | re.MULTILINE)
PICTURE = re.compile(r"!\[(.*?)\]\(messages/([\w-]+)\.svg\)")
BLOCK = re.compile(r"^```json\n(.*?)^```$", re.DOTALL | re.MULTILINE)
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def read_pictures(page: str) -> dict[str, tuple[str, list[ChatMessage]]]:
    """Return title and messages of each picture of the page, by its name."""
    found = {}
    for section in SECTION.findall(page):
        if picture := PICTURE.search(section):
            blocks = [json.loads(text) for text in BLOCK.findall(section)]
            definition = next((one for one in blocks if "components" in one), None)
            bodies = [one for one in blocks if "type" in one and "to" not in one]
            found[picture[2]] = picture[1], [_message(body, definition) for body in bodies]
    return found


def _message(body: Mapping[str, Any], definition: Mapping[str, Any] | None) -> ChatMessage:
    if body["type"] == "reaction":
        words = {"type": "text", "text": {"body": "It looks wonderful, thank you!"}}
        emoji = (body["reaction"]["emoji"],)
        return ChatMessage(words, is_ours=False, time="10:43", reactions=emoji)
    return ChatMessage(body, stage="read", time="10:42", template=definition)


def draw(name: str, height: int, page: str) -> str:
    """Return the picture of a name on the page, so many pixels high."""
    title, messages = read_pictures(page)[name]
    return render_picture(messages, title, WIDTH, height)


def measure_heights(chats: Mapping[str, str]) -> dict[str, int]:
    """Return how high each chat is in a browser. Raises SystemExit where there is none."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        sys.exit(f"none of {', '.join(BROWSERS)} is installed, so no height can be measured")
    boxes = "".join(
        f'<div class="box" id="{name}" style="width: {WIDTH}px">{chat}</div>'
        for name, chat in chats.items()
    )
    script = (
        "document.body.dataset.heights = JSON.stringify(Object.fromEntries("
        "[...document.querySelectorAll('.box')].map(one => [one.id, one.offsetHeight])))"
    )
    page = f"<!doctype html><style>{STYLESHEET}</style><body>{boxes}<script>{script}</script>"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "chats.html")
        file.write_text(page)
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
        output = subprocess.run(
            [*command, file.as_uri()], check=True, capture_output=True, text=True
        ).stdout
    measured = re.search(r'data-heights="(.*?)"', output)
    if not measured:
        sys.exit("the browser measured nothing")
    heights: dict[str, int] = json.loads(html.unescape(measured[1]))
    return heights


def main() -> None:
    """Draw all pictures, and remove those that the page does not have."""
    page = PAGE.read_text()
    pictures = read_pictures(page)
    heights = measure_heights({name: render_chat(chat) for name, (_, chat) in pictures.items()})
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.svg"):
        if old.stem not in pictures:
            old.unlink()
    for name in pictures:
        (FOLDER / f"{name}.svg").write_text(draw(name, heights[name], page))


if __name__ == "__main__":
    main()
