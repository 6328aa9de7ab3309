"""What it costs to ask rules about one message, of a few and of a thousand."""

import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from gateway.core.contacts.contact import Contact
from gateway.core.events import Message
from gateway.rules.loader import load
from gateway.rules.rulebook import Rulebook
from tests.support.factories import ANA, NOW, a_message

FEW, MANY = 10, 1_000
EVENTS = 2_000
ROUNDS = 6
# Messages are made of these; no two are the same, for a text that was seen before costs less.
WORDS = [
    "about", "after", "always", "because", "before", "better", "deliver", "early", "friday",
    "great",
    "house", "invoice", "kitchen", "letter", "maybe", "monday", "never", "often", "parcel", "phone",
    "please", "price", "question", "really", "shop", "street", "thanks", "today", "tomorrow",
    "very",
]  # fmt: skip
# What rules look for, nearly.
WORDS += [
    "menu", "list", "item", "article", "order", "of", "reference", "7x", "code12", "code12-", "12",
]  # fmt: skip


@dataclass(frozen=True)
class Cost:
    """Microseconds of CPU time for each event, with few rules and with many."""

    few: float
    many: float

    @property
    def ratio(self) -> float:
        """Return how many times as much many rules cost."""
        return self.many / self.few


def costs(events: int = EVENTS) -> Iterator[tuple[str, Cost]]:
    """Measure messages that no rule answers, and messages that only the last rule answers."""
    few, many = a_book(FEW), a_book(MANY)
    contact = Contact(ANA, wa_id=ANA, last_inbound_at=NOW - timedelta(days=1))
    for name, ending in (("no rule answers", ""), ("the last rule answers", " lastly")):
        took: tuple[list[float], list[float]] = ([], [])
        for seed in range(ROUNDS):
            asked = list(messages(events, ending, seed))
            for rulebook, times in zip((few, many), took, strict=True):
                assert len(rulebook.decide(asked[0], contact, NOW).fired) == bool(ending)
                times.append(measure_each(rulebook, asked, contact))
        # The best of all rounds but the first, in which RE2 learns: others use the machine too.
        yield name, Cost(min(took[0][1:]), min(took[1][1:]))


def a_book(count: int) -> Rulebook:
    """Load so many rules: taps, texts, words, beginnings, parts and patterns in turn."""
    kinds = (
        "{{tapped: tap{n}}}",
        "{{text: [menu {n}, list {n}]}}",
        "{{text: {{word: [item{n}, article {n}]}}}}",
        "{{text: {{starts_with: order {n} of}}}}",
        "{{text: {{contains: reference {n}x}}}}",
        "{{text: {{matches: '\\bcode{n}-(?P<digits>\\d+)\\b'}}}}",
    )
    whens = [kinds[n % len(kinds)].format(n=n) for n in range(count - 1)]
    whens.append("{text: {word: lastly}}")
    rules = "".join(
        f"- {{name: rule {n}, when: {when}, then: Yes.}}\n" for n, when in enumerate(whens)
    )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "rules.yaml")
        file.write_text(f"version: 1\nrules:\n{rules}")
        return load(file)


def messages(count: int, ending: str, seed: int) -> Iterator[Message]:
    """Make messages of some words each, one in five a tap that nobody knows."""
    chance = random.Random(seed)
    for n in range(count):
        text = " ".join(chance.choices(WORDS, k=chance.randint(2, 12))) + ending
        yield a_message(f"wamid.{n}", text=text, tapped="unknown" if n % 5 == 0 else None)


def measure_each(rulebook: Rulebook, events: Sequence[Message], contact: Contact) -> float:
    """Return the microseconds of CPU time that each event took."""
    began = time.process_time()
    for event in events:
        rulebook.decide(event, contact, NOW)
    return (time.process_time() - began) / len(events) * 1e6


if __name__ == "__main__":
    for what, cost in costs():
        print(f"{what}: {cost.few:.1f} µs, {cost.many:.1f} µs, {cost.ratio:.2f} x")  # noqa: T201
