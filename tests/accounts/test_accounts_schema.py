"""The schema by which editors complete and check a file of accounts, and the tables of its page."""

import json
import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from gateway.accounts import reference
from tests.support.accounts import CLINIC, SHOP, accounts_text, read

SCHEMA = json.loads(reference.FILE.read_text())
VALIDATOR = Draft202012Validator(SCHEMA)
PAGE = reference.PAGE.read_text()


def is_fine(text: str) -> bool:
    return bool(VALIDATOR.is_valid(YAML(typ="safe", pure=True).load(text)))


def test_schema_in_the_docs_is_what_the_models_say() -> None:
    assert reference.FILE.read_text() == reference.schema_json(), (
        "run python -m gateway.accounts.reference"
    )


def test_tables_of_the_page_are_what_the_models_say() -> None:
    assert reference.render_page(PAGE) == PAGE, "run python -m gateway.accounts.reference"
    assert {found[2] for found in reference.MARKED.finditer(PAGE)} == reference.MODELS.keys()


def test_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_a_file_of_accounts_is_fine_to_an_editor() -> None:
    assert is_fine(accounts_text([SHOP, CLINIC]))


@pytest.mark.parametrize(
    ("part", "instead"),
    [
        ("{env: SHOP_SECRET}", "0123456789abcdef"),
        ("{env: SHOP_TOKEN}", "{env: EAAGx0123}"),
        ("name: shop", "name: My Shop"),
        ("app: '501'", "ap: '501'"),
        ("id: '1001'", "id: x"),
    ],
)
def test_a_mistake_is_one_to_an_editor(part: str, instead: str) -> None:
    text = accounts_text([SHOP])
    assert part in text

    assert not is_fine(text.replace(part, instead))


def test_the_example_of_the_page_is_fine_to_an_editor_and_loads(tmp_path: Path) -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    for name in ("shop_token", "shop_app_secret_old"):
        (tmp_path / name).write_text(name)
    env = {name: f"value-of-{name}" for name in re.findall(r"env: (\w+)", block)}

    accounts = read(block.replace("/run/secrets/", ""), tmp_path, env)

    assert is_fine(block)
    assert f"$schema={reference.FILE.name}" in block
    assert [(one.name, len(one.numbers)) for one in accounts] == [("shop", 2), ("clinic", 1)]
