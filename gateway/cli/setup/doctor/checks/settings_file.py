"""Checks of the settings: their source, and whether they are consistent; pure."""

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gateway.cli.setup.doctor.findings import Check, Finding, Unseen, broken, fine, warning
from gateway.core.formats import pluralize

INCOMPLETE = Unseen("the settings are not complete")


@dataclass(frozen=True, slots=True)
class Given:
    """Settings as they were read, whether or not they can be used."""

    problems: tuple[str, ...] = ()
    mode: int | None = None  # of the file .env, None if there is none
    secrets: int = 1
    has_notify_url: bool = False
    dev: bool = False  # those of a `gateway dev` in this folder


def settings(given: Given) -> Iterator[Finding]:
    """Check that no setting is missing or malformed."""
    yield from map(broken, given.problems)
    if not given.problems:
        whose = "Those of the gateway dev that runs in this folder are" if given.dev else "All are"
        yield fine(f"{whose} there and well-formed.")


def file_mode(given: Given) -> Iterator[Finding]:
    """Check that other users of this machine cannot read the secrets."""
    if given.mode is None:
        yield fine("There is no file .env here; the environment says all.")
    elif given.mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield warning(f"Others on this machine can open the file .env ({given.mode & 0o777:o}).")
    else:
        yield fine("Only its owner can open the file .env.")


def secrets(given: Given) -> Iterator[Finding]:
    """Check that no rotation of secrets is unfinished."""
    if given.secrets > 1:
        yield warning(f"{pluralize(given.secrets, 'app secret')} are accepted.")
    else:
        yield fine("One app secret is accepted.")


def _complete_settings(facts: Any) -> Given | Unseen:
    given: Given = facts.given
    return INCOMPLETE if given.problems else given


CHECKS: tuple[Check[Any], ...] = (
    Check(
        "settings", "settings", lambda facts: facts.given, settings,
        "Mend the line in .env or in the environment (docs/operations.md); gateway init asks "
        "for what Meta gives, and gateway dev needs none of it.",
    ),
    Check(
        "settings", "file mode", lambda facts: facts.given, file_mode,
        "Run chmod 600 .env.",
    ),
    Check(
        "settings", "app secrets", _complete_settings, secrets,
        "A week after the new one was put in force, take the old one out of META_APP_SECRET.",
    ),
)  # fmt: skip
