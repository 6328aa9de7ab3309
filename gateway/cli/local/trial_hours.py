"""Trial of opening hours in this folder: what the rules of its `gateway dev` take for now."""

from pathlib import Path

from gateway.cli.local.workspace import FOLDER
from gateway.rules.loader import read_trial_now


def trial_file() -> Path:
    """Return the file that the workers read (GATEWAY_TRIAL_HOURS)."""
    return (FOLDER / "hours").resolve()


def read() -> str:
    """Return what opening hours take for now, "" for the time that it is."""
    return read_trial_now(trial_file())


def write(now: str) -> None:
    """Set what opening hours take for now, "" for the time that it is. Raises OSError."""
    draft = trial_file().with_suffix(".new")
    draft.write_text(now, encoding="utf-8")
    draft.replace(trial_file())
