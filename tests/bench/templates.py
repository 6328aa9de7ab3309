"""What templates cost: a check of a message, a fetch of a long list, and rules that send them."""

import resource
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from gateway.core.contacts.contact import Contact
from gateway.core.templates.choice import KnownTemplate, TemplateUse, judge_use
from gateway.core.templates.graph_form import read_graph_row
from gateway.core.templates.param_form import read_params
from gateway.rules.loader import load
from gateway.rules.rulebook import Rulebook
from gateway.store.redis.client import Store
from gateway.store.templates.cache import TemplateCache
from gateway.store.templates.registry import TemplateRegistry
from gateway.store.templates.sync import sync_templates
from tests.bench.rules import measure_each, messages
from tests.support.factories import ANA, NOW

CHECKS, TEMPLATES, PAGE = 20_000, 5_000, 100
WABA = "102290129340398"
BUTTONS = [
    {"type": "QUICK_REPLY", "text": "Stop these messages"},
    {"type": "URL", "text": "Follow it", "url": "https://shop.example.com/orders/{{1}}",
     "example": ["https://shop.example.com/orders/17"]},
]  # fmt: skip
TEXT = "Hello {{1}}, your order {{2}} of {{3}} is on its way and arrives tomorrow before noon."
PARAMS = {"header": {"image": "https://x.pt/a.jpg"}, "body": ["Ana", "17", "today"],
          "buttons": {"1": "17"}}  # fmt: skip


def a_row(name: str) -> dict[str, Any]:
    """Return a template as shops have them: a picture, a text with three values, two buttons."""
    example = {"body_text": [["Ana", "17", "yesterday"]]}
    return {
        "name": name, "language": "en_US", "status": "APPROVED", "category": "UTILITY",
        "id": "1689556908129832", "quality_score": {"score": "GREEN"},
        "components": [
            {"type": "HEADER", "format": "IMAGE",
             "example": {"header_handle": ["https://scontent.whatsapp.net/" + "x" * 300]}},
            {"type": "BODY", "text": TEXT, "example": example},
            {"type": "FOOTER", "text": "The shop around the corner"},
            {"type": "BUTTONS", "buttons": BUTTONS},
        ],
    }  # fmt: skip


def check_us() -> float:
    """Return the microseconds of CPU time of one check that finds nothing wrong."""
    template = read_graph_row(a_row("order"), None)
    assert template
    known = KnownTemplate(template)
    components = read_params(PARAMS).components
    use = TemplateUse("order", "en_US", components, "#/template", PARAMS)
    assert judge_use(use, known, {}) == []
    began = time.process_time()
    for _ in range(CHECKS):
        judge_use(use, known, {})
    return (time.process_time() - began) / CHECKS * 1e6


class LongList:
    """Meta's list of five thousand templates, whose pages take no time."""

    def pages(self, waba: str) -> Iterator[list[dict[str, Any]]]:
        """Yield the pages."""
        for start in range(0, TEMPLATES, PAGE):
            yield [a_row(f"order_{start + i}") for i in range(PAGE)]


def fetch(store: Store) -> dict[str, float]:
    """Return what a fetch of the long list takes, and what it leaves in the store and here."""
    client: Any = store.redis
    registry = TemplateRegistry(store, WABA)
    client.config_set("slowlog-log-slower-than", 0)
    before, began = client.info("memory")["used_memory"], time.monotonic()
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert sync_templates(registry, LongList()).step == "fetched"
    took = time.monotonic() - began
    slowest = max(one["duration"] for one in client.slowlog_get(1_000))
    cache = TemplateCache(store)
    for i in range(TEMPLATES):
        cache.find(WABA, f"order_{i} en_US")
    return {
        "s": took,
        "KB in the store": (client.info("memory")["used_memory"] - before) / 1024,
        "KB of a process": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - resident,
        "ms of the slowest command": slowest / 1000,
    }


def a_book(action: str) -> Rulebook:
    """Load rules of which the last one answers with an action."""
    rules = "".join(f"- {{name: r{n}, when: {{text: menu {n}}}, then: Yes.}}\n" for n in range(99))
    rules += f"- {{name: last, when: {{text: {{word: lastly}}}}, then: [{action}]}}\n"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "rules.yaml")
        file.write_text(f"version: 1\nrules:\n{rules}")
        return load(file)


def rules_ratio() -> float:
    """Return how much longer rules take to send a template than to send a text."""
    text = a_book("{send_text: 'Hello, your order 17 of today is on its way.'}")
    template = a_book(
        "{send_template: order, language: en_US, values: {header: {image: 'https://x.pt/a.jpg'}, "
        "body: [Ana, '17', today], buttons: {'1': '17'}}}"
    )
    contact = Contact(ANA, wa_id=ANA, last_inbound_at=NOW - timedelta(days=1))
    took: tuple[list[float], list[float]] = ([], [])
    for seed in range(6):
        asked = list(messages(2_000, " lastly", seed))
        for book, times in zip((text, template), took, strict=True):
            times.append(measure_each(book, asked, contact))
    return min(took[1][1:]) / min(took[0][1:])
