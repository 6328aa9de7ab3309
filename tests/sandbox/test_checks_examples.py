"""Meta's own request examples pass, but for the two that Meta's own rules refuse."""

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from gateway.sandbox.validation.message import check_message

SPEC = (
    Path(__file__).parents[3] / "shared" / "meta" / "openapi" / "business-messaging-api_v23.0.yaml"
)
PATH = "/{Version}/{Phone-Number-ID}/messages"
# Examples hold words where values belong; these are the values.
PLACEHOLDERS = {
    r"\{\{Recipient-(WA-)?Phone-Number\}\}": "+16505551234",
    r"<?http\(s\)://[^\"]*": "https://example.com/file",
    r"<HEADER_TYPE>": "text",
}
REFUSED = {
    "Send Reply to List Message": 131008,  # It lacks a type, so it would be a text.
    "Send Sample Issue Resolution Template": 100,  # Texts are written as true and false.
}


def filled(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: filled(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner) for inner in value]
    if isinstance(value, str):
        for placeholder, real in PLACEHOLDERS.items():
            value = re.sub(placeholder, real, value)
    return value


def examples() -> dict[str, Any]:
    # The whole description takes seconds to read; this is the one path of it.
    path = re.search(rf"^  {re.escape(PATH)}:\n(?:    .*\n|\s*\n)+", SPEC.read_text(), re.MULTILINE)
    assert path
    operation = YAML(typ="safe").load(path[0])[PATH]["post"]
    written = operation["requestBody"]["content"]["application/json"]["examples"]
    return {name: filled(example["value"]) for name, example in written.items()}


@pytest.mark.skipif(not SPEC.exists(), reason="Meta's API description is not beside the project")
def test_every_example_of_meta_is_judged_as_meta_would() -> None:
    refusals = {name: check_message(body) for name, body in examples().items()}

    assert len(refusals) == 50
    assert {name: found.code for name, found in refusals.items() if found} == REFUSED
