"""Rules are compared with the templates that Meta has, where the registry or Meta can be asked."""

from pathlib import Path
from typing import Any

import pytest

from gateway.cli.develop.rules.template_check import find_unfit_templates
from gateway.rules.loader import check_rules, load
from gateway.store import keys
from gateway.store.redis.client import Store
from gateway.store.templates.registry import TemplateRegistry
from gateway.store.templates.sync import sync_templates
from tests.graph.test_setup import answering, reply
from tests.support.servers import Server
from tests.support.templates import WABA, MetaList, a_row
from tests.support.web.socket_servers import serving

pytestmark = pytest.mark.store
RULES = """\
version: 1
rules:
  - name: sent
    when: {text: order}
    then: [{send_template: order_sent, language: en_US, values: ["{{name}}", "17"]}]
  - name: short
    when: {text: short}
    then: [{send_template: order_sent, language: en_US, values: ["{{name}}"]}]
  - name: brazil
    when: {text: oi}
    then:
      - {send_text: Oi, window_closed: {send_template: order_sent, language: en}}
  - name: pictured
    when: {text: picture}
    then:
      - send_template: pictured
        language: en
        values: {header: {image: "https://x.pt/a.jpg"}, body: [Ana], buttons: {"0": "{{name}}"}}
"""
PICTURED = a_row("pictured", "en", components=[
    {"type": "HEADER", "format": "IMAGE"},
    {"type": "BODY", "text": "Hi {{1}}"},
    {"type": "BUTTONS", "buttons": [{"type": "URL", "url": "https://x.pt/{{1}}"}]},
])  # fmt: skip
FOUND = [
    ("short", "template order_sent (en_US): lacks 2 of the body"),
    ("brazil", "template order_sent (en): is not a language of order_sent"),
]


@pytest.fixture
def path(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> Path:
    values = {
        "REDIS_URL": server.url, "META_WABA_ID": WABA, "META_APP_SECRET": "s",
        "META_VERIFY_TOKEN": "v", "META_ACCESS_TOKEN": "t", "META_PHONE_NUMBER_ID": "1",
        "META_GRAPH_URL": "http://127.0.0.1:9",
    }  # fmt: skip
    monkeypatch.chdir(tmp_path)
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES)
    return rules


def found(path: Path) -> list[tuple[str, str]]:
    problems = find_unfit_templates(check_rules([path]), [path])
    assert all(one.is_warning for one in problems)
    lines = path.read_text().splitlines()
    assert all("send_template" in lines[one.mark.line - 1] for one in problems)
    return [(one.rule, one.message) for one in problems]


def check(problems: list[tuple[str, str]]) -> None:
    assert [rule for rule, _ in problems] == [rule for rule, _ in FOUND]
    for (_, message), (_, begin) in zip(problems, FOUND, strict=True):
        assert message.startswith(begin)


def test_rules_are_compared_with_the_registry(path: Path, store: Store) -> None:
    sync_templates(TemplateRegistry(store, WABA), MetaList([a_row(), PICTURED]))

    check(found(path))


def test_without_a_registry_meta_is_asked(
    path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving() as serve:
        graph = serve(answering([reply({"data": [a_row(), PICTURED]})], []))
        monkeypatch.setenv("META_GRAPH_URL", graph)
        check(found(path))

    assert store.redis.exists(f"{keys.templates(WABA)}state") == 0


def test_where_neither_answers_there_is_nothing_to_compare_with(path: Path, store: Store) -> None:
    assert found(path) == []


@pytest.mark.parametrize("missing", ["REDIS_URL", "META_WABA_ID"])
def test_without_settings_only_the_form_is_checked(
    path: Path, store: Store, monkeypatch: pytest.MonkeyPatch, missing: Any
) -> None:
    sync_templates(TemplateRegistry(store, WABA), MetaList([a_row(), PICTURED]))
    monkeypatch.delenv(missing)

    assert found(path) == []


def test_values_of_each_place_are_checked_when_rules_are_loaded(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES.replace('{"0": "{{name}}"}', '{"x": y}'))

    with pytest.raises(Exception, match="must be a button's position"):
        load(rules)
