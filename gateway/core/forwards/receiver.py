"""Receiver of forwards: an application's address, and which events it gets."""

import re
from dataclasses import dataclass, field
from typing import Literal

# As the gateway describes one event, or Meta's own envelope.
Form = Literal["ours", "meta"]
RECEIVER_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")


@dataclass(frozen=True, slots=True)
class Receiver:
    """One entry under `forwards:` in the rules."""

    name: str
    url: str = field(repr=False)  # it may hold a token
    secret: str  # the name of the setting that has its secrets
    events: frozenset[str] = frozenset()  # kinds that it gets; others only where a rule says so
    numbers: frozenset[str] = frozenset()  # of ours; empty for all
    form: Form = "ours"
    is_ordered: bool = True  # a contact's forwards wait for each other

    def wants(self, kind: str, number: str) -> bool:
        """Say whether it gets each event of a kind and one of our numbers."""
        return kind in self.events and (not self.numbers or number in self.numbers)
