"""Bodies as nobody would send them, made from captured deliveries; the same for the same seed."""

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

FOLDER = Path(__file__).parents[2] / "deliveries"
CAPTURED = [
    path.read_bytes() for path in sorted(FOLDER.iterdir()) if path.suffix in (".json", ".bin")
]
ENVELOPES: list[Any] = [
    json.loads(path.read_bytes())
    for path in sorted(FOLDER.glob("*.json"))
    if not path.name.startswith("broken")
]
ODD: list[Any] = [
    None, True, False, 0, -1, 3.5, 1e308, 10**30, "", "x", "\x00", "\ud83d\ude00", "é" * 300,
    "../..", "%s{}|~", "0" * 40, [], [None], [[]], {}, {"": {}}, [1, "a", {}], {"id": {}},
]  # fmt: skip
ENCODINGS = ("utf-16", "utf-32", "utf-8-sig", "utf-7", "latin-1")
HUGE = 3 * 1024 * 1024

Path_ = tuple[Any, ...]


def body(random: Random) -> bytes:
    """Return one body."""
    (make,) = random.choices([make for make, _ in _MAKERS], [often for _, often in _MAKERS])
    return make(random)


def paths(node: Any, at: Path_ = ()) -> Iterator[Path_]:
    """Return every place of a document at which something stands."""
    yield at
    if isinstance(node, dict | list):
        for name, value in node.items() if isinstance(node, dict) else enumerate(node):
            yield from paths(value, (*at, name))


def put(node: Any, at: Path_, value: Any) -> Any:
    """Return a copy of a document with something else at one place."""
    if not at:
        return value
    copied = dict(node) if isinstance(node, dict) else list(node)
    copied[at[0]] = put(node[at[0]], at[1:], value)
    return copied


def _odd_type(random: Random) -> bytes:
    envelope = random.choice(ENVELOPES)
    for _ in range(random.randint(1, 3)):
        at = random.choice(list(paths(envelope)))
        envelope = put(envelope, at, random.choice(ODD))
    return json.dumps(envelope, ensure_ascii=random.random() < 0.5).encode(errors="replace")


def _deep(random: Random) -> bytes:
    levels = random.choice([100, 253, 254, 255, 1023, 1025, 20_000])
    opened, closed = random.choice([("[", "]"), ('{"a":', "}")])
    nest = f"{opened * levels}1{closed * levels}"
    text = json.dumps(put(*_place(random), "NEST"))
    return text.replace('"NEST"', nest).encode()


def _place(random: Random) -> tuple[Any, Path_]:
    envelope = random.choice(ENVELOPES)
    return envelope, random.choice(list(paths(envelope)))


def _many(random: Random) -> bytes:
    """Return a body in which one list holds its elements many times."""
    envelope = random.choice(ENVELOPES)
    lists = [at for at in paths(envelope) if at and isinstance(at[-1], int)]
    if not lists:
        return b"[]"
    at = random.choice(lists)[:-1]
    found = envelope
    for name in at:
        found = found[name]
    return json.dumps(put(envelope, at, list(found) * random.randint(2, 60))).encode()


def _huge(random: Random) -> bytes:
    size = random.choice([70_000, 300_000, HUGE])
    return json.dumps(put(*_place(random), "x" * size)).encode()


def _flipped(random: Random) -> bytes:
    made = bytearray(random.choice(CAPTURED))
    for _ in range(random.randint(1, 8)):
        made[random.randrange(len(made))] = random.randrange(256)
    return bytes(made)


def _cut(random: Random) -> bytes:
    made = random.choice(CAPTURED)
    return made[random.randrange(len(made)) :] if random.random() < 0.3 else made[: len(made) // 2]


def _encoded(random: Random) -> bytes:
    text = json.dumps(random.choice(ENVELOPES), ensure_ascii=False)
    if random.random() < 0.2:
        return gzip.compress(text.encode())
    return text.encode(random.choice(ENCODINGS), errors="replace")


def _captured(random: Random) -> bytes:
    return random.choice(CAPTURED)


def _noise(random: Random) -> bytes:
    return random.randbytes(random.choice([0, 1, 5, 400, 5_000]))


_MAKERS: list[tuple[Callable[[Random], bytes], float]] = [
    (_odd_type, 60), (_captured, 5), (_flipped, 12), (_cut, 6), (_encoded, 6), (_noise, 6),
    (_many, 3), (_deep, 2), (_huge, 0.3),
]  # fmt: skip
