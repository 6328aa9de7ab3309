"""The page of messages: rule, request and body of each type are the same message."""

import importlib.util
import json
import re
import textwrap
from pathlib import Path
from typing import Any

import pytest

from gateway.core.api.message_request import MessageRequest, read_request
from gateway.core.api.short_forms import NAMES
from gateway.core.contacts.contact import Contact
from gateway.core.messages import with_recipient
from gateway.rules.language.actions import SENDS
from gateway.sandbox.validation.message import check_message
from tests.support.meta_schema import needs_meta, problems
from tests.support.rules.rulebooks import decided

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/messages.md").read_text()
ANA = Contact("351912345678", wa_id="351912345678")
SECTIONS = {
    title: re.findall(r"^```(\w+)\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)
    for title, text in re.findall(r"^##+ (.*?)\n(.*?)(?=^##|\Z)", PAGE, flags=re.DOTALL | re.M)
}
# Rule, request and body; the section of templates begins with the approved text.
SHORT = {
    title: blocks[-3:]
    for title, blocks in SECTIONS.items()
    if len(blocks) >= 3 and blocks[-3][0] == "yaml"
}
BODIES = [
    pytest.param(json.loads(text), id=f"{title} {place}")
    for title, blocks in SECTIONS.items()
    for place, (kind, text) in enumerate(blocks)
    if kind == "json" and "type" in json.loads(text) and "to" not in json.loads(text)
]
# Meta's description has no word of these kinds.
UNDESCRIBED = {
    "cta_url", "location_request_message", "carousel", "address_message", "request_contact_info",
}  # fmt: skip


def of_rule(step: str, **message: Any) -> dict[str, Any]:
    """Return the body that a rule with this action sends."""
    rule = "- name: it\n  then:\n" + textwrap.indent(step, "    ")
    return dict(decided(rule, **message).fired[0].actions[0].body)


def of_request(text: str) -> dict[str, Any]:
    """Return the body that this request sends."""
    request = read_request(json.loads(text))
    assert isinstance(request, MessageRequest), request
    return request.body


@pytest.mark.parametrize("title", SHORT)
def test_rule_and_request_make_the_body_that_the_page_shows(title: str) -> None:
    (_, rule), (_, request), (_, body) = SHORT[title]

    assert of_rule(rule) == of_request(request) == json.loads(body)


def test_what_has_no_short_form_is_the_same_in_rules_and_api() -> None:
    (_, rule), (_, request) = SECTIONS["In Meta's form"]

    assert of_rule(rule) == of_request(request)


def test_an_answer_quotes_the_message_that_the_rule_is_about() -> None:
    (_, rule), (_, request) = SECTIONS["Answer"]
    quoted = json.loads(request)["reply_to"]

    assert of_rule(rule, id=quoted) == of_request(request)
    assert of_request(request)["context"] == {"message_id": quoted}


def test_every_short_form_is_on_the_page() -> None:
    rules = [blocks[0][1] for blocks in SHORT.values()]
    requests = [json.loads(blocks[1][1]) for blocks in SHORT.values()]

    assert SENDS.keys() - {rule.partition(":")[0] for rule in rules} == {"send"}
    assert NAMES - {name for request in requests for name in request} == set()


@pytest.mark.parametrize("body", BODIES)
def test_body_of_the_page_is_what_the_sandbox_takes(body: dict[str, Any]) -> None:
    request = read_request({"to": "+351912345678", **body})

    assert isinstance(request, MessageRequest), request
    assert request.body == body
    assert check_message(with_recipient(body, ANA)) is None


@needs_meta
@pytest.mark.parametrize("body", BODIES)
def test_body_of_the_page_is_what_metas_schema_describes(body: dict[str, Any]) -> None:
    if body.get("interactive", {}).get("type") in UNDESCRIBED:
        pytest.skip("Meta's description knows no message of this kind")
    assert problems(with_recipient(body, ANA) | {"biz_opaque_callback_data": "a.1"}) == []


def load_script() -> Any:
    """Import the script that draws the pictures."""
    spec = importlib.util.spec_from_file_location("drawing", ROOT / "scripts/pictures/messages.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_pictures_are_those_of_the_page() -> None:
    script = load_script()
    pictures = {file.stem: file.read_text() for file in (ROOT / "docs/messages").glob("*.svg")}

    assert pictures.keys() == script.read_pictures(PAGE).keys()
    for name, picture in pictures.items():
        # Only a browser can say how high a picture is.
        height = re.search(r'height="(\d+)"', picture)
        assert height
        assert picture == script.draw(name, int(height[1]), PAGE), "run scripts/picture messages"
