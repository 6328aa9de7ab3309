"""The note of what `gateway tunnel` set at Meta: written before it is set, gone once it is cleared.

So a run that was killed leaves a note of everything that may have to be cleared, and the next one
in this folder clears it.
"""

import json
import os
from dataclasses import asdict, dataclass

from gateway.cli.local.workspace import FOLDER

LOCK = "tunnel.lock"
FILE = FOLDER / "tunnel.json"


@dataclass(frozen=True, slots=True)
class Note:
    """What was set: a number's own callback, and perhaps the callback of the app; no secret."""

    graph: str  # which Meta it was set at
    app: str
    number: str
    callback: str
    gave_app: bool = False  # the app had no callback, and was given this one


def read() -> Note | None:
    """Return the note that an earlier run left; what is no note tells nothing."""
    try:
        return Note(**json.loads(FILE.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def write(note: Note) -> None:
    """Write the note, to be found even after the machine went down. Raises OSError."""
    draft = FILE.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with open(draft, "x", opener=_private) as file:
        json.dump(asdict(note), file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(FILE)


def drop() -> None:
    """Forget it: nothing of ours is set any more."""
    FILE.unlink(missing_ok=True)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
