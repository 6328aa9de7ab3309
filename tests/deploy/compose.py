"""The compose file as compose reads it, for tests that have no container engine."""

import re
import shlex
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
LOGIN = ("ana", "a word of the tests")
OURS = (
    "gateway", "worker-critical", "worker-bulk", "worker-outgoing", "worker-default",
    "celery-beat", "flower",
)  # fmt: skip


def services(env: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Read the services as compose does with this `.env`."""

    def value(found: re.Match[str]) -> str:
        if found[0] == "$$":
            return "$"
        name, kind, text = found.groups()
        if not env.get(name) and kind == "?":
            raise LookupError(text)
        return env.get(name) or text or ""

    text = (ROOT / "docker-compose.yml").read_text()
    filled = re.sub(r"\$\$|\$\{(\w+)(?::([-?])([^}]*))?\}", value, text)
    return dict(YAML(typ="safe").load(filled)["services"])


SERVICES = services({"FLOWER_BASIC_AUTH": ":".join(LOGIN)})


def options(command: str) -> dict[str, str]:
    """Return the options that are followed by a value."""
    words = shlex.split(command)
    return {
        word.lstrip("-"): value
        for word, value in pairwise(words)
        if word.startswith("-") and not value.startswith("-")
    }
