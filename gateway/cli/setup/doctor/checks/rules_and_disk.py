"""Checks of this machine: its rules, whether the workers use the same ones, and its disk; pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gateway import __version__
from gateway.cli.setup.doctor.checks.settings_file import Given
from gateway.cli.setup.doctor.checks.store import megabytes
from gateway.cli.setup.doctor.findings import Check, Finding, both, broken, fine, unseen, warning
from gateway.core.formats import pluralize
from gateway.rules.matching.action import NamedTemplate
from gateway.store.monitoring.account_problems import find_account_problems
from gateway.store.monitoring.rule_problems import RULES_MISSING, find_rule_problems
from gateway.store.monitoring.snapshot import Snapshot

LEAST_BYTES = 100 << 20
ENOUGH_BYTES = 1 << 30
UNSET_TRIAL = "Unset GATEWAY_TRIAL_HOURS, or empty its file: it is for trying rules out."


@dataclass(frozen=True, slots=True)
class Rules:
    """Rules as loaded on this machine."""

    version: str = ""
    count: int = 0
    problems: tuple[str, ...] = ()
    notifies: bool = False  # some rule notifies the operator's address
    service_secrets: tuple[str, ...] = ()  # variables of the services that rules call
    missing_secrets: tuple[str, ...] = ()  # those of them that are not set
    receivers: tuple[str, ...] = ()  # of forwards
    receiver_problems: tuple[str, ...] = ()  # why posts to some of them cannot be signed
    templates: tuple[NamedTemplate, ...] = ()  # that rules send
    trial_now: str = ""  # what opening hours take for now, "" for the time that it is


@dataclass(frozen=True, slots=True)
class Disk:
    """A disk of this machine."""

    free_bytes: int
    file_bytes: int = 0  # size of the append-only file on it, 0 if none is


def rules(loaded_rules: Rules) -> Iterator[Finding]:
    """Check that the rules are valid and that there is at least one."""
    yield from map(broken, loaded_rules.problems)
    if loaded_rules.problems:
        return
    if not loaded_rules.count:
        message = "There are no rules here; a gateway that starts without any answers nothing."
        yield Finding("warning", message, RULES_MISSING.advice)
    else:
        yield fine(f"{pluralize(loaded_rules.count, 'rule')}, version {loaded_rules.version}.")
    if loaded_rules.trial_now:
        moment = f"Opening hours take another moment for now ({loaded_rules.trial_now})."
        yield Finding("warning", moment, UNSET_TRIAL)


def rulebook(inputs: tuple[Rules, Snapshot]) -> Iterator[Finding]:
    """Check that the workers use the rules and the release of this machine."""
    loaded_rules, reading = inputs
    release, _, version = reading.release.partition("/")
    problems = [*find_account_problems(reading.rulebooks), *find_rule_problems(reading.rulebooks)]
    if problems:
        yield from map(Finding.of_problem, problems)
    elif loaded_rules.problems:
        yield unseen("the rules here cannot be read")
    elif not version:
        yield unseen("no worker has looked after things yet")
    elif release != __version__:
        yield warning(f"A worker is release {release}, and this is {__version__}.")
    elif version != loaded_rules.version:
        yield warning(f"A worker plans by rules {version}, and here are {loaded_rules.version}.")
    else:
        yield fine("The worker that looked last plans by the rules that are here.")


def notify_address(inputs: tuple[Rules, Given]) -> Iterator[Finding]:
    """Check that the notifications of rules have an address."""
    loaded_rules, given = inputs
    if not loaded_rules.notifies:
        yield fine("No rule notifies an address.")
    elif not given.has_notify_url:
        yield warning("Rules notify, and GATEWAY_NOTIFY_URL is not set: notifications wait for it.")
    else:
        yield fine("Rules notify, and GATEWAY_NOTIFY_URL is set.")


def service_secrets(loaded_rules: Rules) -> Iterator[Finding]:
    """Check that the secrets of services that rules call are set."""
    if not loaded_rules.service_secrets:
        yield fine("No rule calls a service that has a secret.")
    elif loaded_rules.missing_secrets:
        names = ", ".join(loaded_rules.missing_secrets)
        yield warning(f"Rules call services whose secret is not set here: {names}.")
    else:
        yield fine("The secrets of the services that rules call are set.")


def receiver_secrets(loaded_rules: Rules) -> Iterator[Finding]:
    """Check that posts to the receivers of forwards can be signed."""
    if not loaded_rules.receivers:
        yield fine("No application gets forwards.")
    elif loaded_rules.receiver_problems:
        problems = "; ".join(loaded_rules.receiver_problems)
        yield warning(f"Forwards wait, because they cannot be signed here: {problems}.")
    else:
        yield fine("The secrets of the applications that get forwards are set.")


def unnamed_receivers(inputs: tuple[Rules, Snapshot]) -> Iterator[Finding]:
    """Check that the rules name each receiver for which events wait."""
    loaded_rules, reading = inputs
    waited_for = {one.receiver for one in reading.receivers if one.waiting}
    if loaded_rules.problems:
        yield unseen("the rules here cannot be read")
    elif unnamed := sorted(waited_for - {*loaded_rules.receivers}):
        yield warning(f"Events wait for {', '.join(unnamed)}, which the rules here do not name.")
    else:
        yield fine("The rules name each application for which events wait.")


def disk(local_disk: Disk) -> Iterator[Finding]:
    """Check that there is enough room to write, and to rewrite the append-only file."""
    free = megabytes(local_disk.free_bytes)
    if local_disk.free_bytes < LEAST_BYTES:
        yield broken(f"Only {free} are free.")
    elif local_disk.free_bytes < max(ENOUGH_BYTES, local_disk.file_bytes):
        needed = megabytes(local_disk.file_bytes)
        file = f", and the append-only file has {needed}" if local_disk.file_bytes else ""
        yield warning(f"Only {free} are free{file}.")
    else:
        yield fine(f"{free} are free.")


CHECKS: tuple[Check[Any], ...] = (
    Check(
        "rules", "rules", lambda facts: facts.rules, rules,
        "Mend the line; docs/rules.md has every key with an example.",
    ),
    Check(
        "rules", "rulebook", lambda facts: both(facts.rules, facts.reading), rulebook,
        "Wait a moment, for workers take up changed rules by themselves; then see with gateway "
        "status what they have in force, and whether they read the same files.",
    ),
    Check(
        "rules", "notify", lambda facts: both(facts.rules, facts.given), notify_address,
        "Set GATEWAY_NOTIFY_URL and GATEWAY_NOTIFY_SECRET (docs/notify.md); what waits for longer "
        "than three days is given up.",
    ),
    Check(
        "rules", "services", lambda facts: facts.rules, service_secrets,
        "Set each for worker-outgoing, as a variable or a file (NAME_FILE); until then its calls "
        "fail (docs/services.md).",
    ),
    Check(
        "rules", "forwards", lambda facts: facts.rules, receiver_secrets,
        "Set each for worker-outgoing, as a variable or a file (NAME_FILE); what waits for longer "
        "than three days becomes a dead letter (docs/forwards.md).",
    ),
    Check(
        "rules", "receivers", lambda facts: both(facts.rules, facts.reading), unnamed_receivers,
        "Name it under forwards again, or end it with gateway forwards drop NAME.",
    ),
    Check(
        "disk", "disk", lambda facts: facts.disk, disk,
        "Make room: Redis needs as much again to write its append-only file anew.",
    ),
)  # fmt: skip
