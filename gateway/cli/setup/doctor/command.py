"""`gateway doctor`: checks everything between a phone and a reply, and gives advice."""

from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.status import Status

from gateway.accounts.account import Accounts
from gateway.accounts.loader import AccountsError, load_accounts
from gateway.cli.common.accounts import AccountName, choose_account
from gateway.cli.common.output import open_console
from gateway.cli.local import target, workspace
from gateway.cli.setup.doctor import meta_probes, probes
from gateway.cli.setup.doctor.accounts import check_accounts
from gateway.cli.setup.doctor.checks.rules_and_disk import Rules
from gateway.cli.setup.doctor.checks.settings_file import INCOMPLETE, Given
from gateway.cli.setup.doctor.facts import CHECKS, DoctorFacts
from gateway.cli.setup.doctor.findings import Result, Unseen, run_checks
from gateway.cli.setup.doctor.meta_answers import MetaAnswers
from gateway.cli.setup.doctor.probes import Look, run_looks
from gateway.cli.setup.doctor.report import results_to_dict, screen
from gateway.config.environment import SettingsError, environment
from gateway.config.settings import Settings

BROKEN = 1
WITHIN_S = 12.0
OFFLINE = Unseen("asked to stay offline")
# In the place of an address that is missing or malformed; nothing connects to it.
UNUSED_STORE = {
    "REDIS_URL": "redis://unused", "REDIS_URL_FILE": "",
    "CELERY_BROKER_URL": "", "CELERY_BROKER_URL_FILE": "",
}  # fmt: skip
PLAYED = Unseen("the gateway dev of this folder speaks to the sandbox; stop it to look at Meta")


def doctor(
    account: AccountName = "",
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Ask nothing of Meta.")] = False,
) -> None:
    """Look at everything between a phone and a reply; the exit code is 1 where it is broken."""
    waiting = Console(stderr=True)
    shows = waiting.status("looking …") if waiting.is_terminal else nullcontext()
    with shows as status:
        results = _look(status, account, offline=offline)
    if json:
        typer.echo(orjson.dumps(results_to_dict(results), option=orjson.OPT_INDENT_2))
    else:
        open_console().print(screen(results))
    if _is_broken(results):
        raise typer.Exit(BROKEN)


def _look(status: Status | None, account: str, *, offline: bool) -> list[Result]:
    """Look at the gateway; where accounts are in a file, at each of them or the one named."""
    try:
        settings = target.settings_for(workspace.find_running())
        accounts = load_accounts(settings) if settings.gateway_accounts else Accounts([])
    except SettingsError:
        return list(run_checks(CHECKS, collect_facts(status, offline=offline)))
    except AccountsError as error:
        return _report_unusable(error, status)
    chosen = [choose_account(accounts, account)] if account else [*accounts]
    if not chosen:
        return list(run_checks(CHECKS, collect_facts(status, offline=offline)))
    facts = collect_facts(status, offline=True)
    tell = partial(_show_progress, status)

    def ask(one: Settings, proof_secret: bytes) -> MetaAnswers | Unseen:
        if offline:
            return OFFLINE
        answers = run_looks(meta_probes.build_looks(one, proof_secret), WITHIN_S, tell)
        return _ask_meta(one, answers, probes.rules(one), tell, proof_secret)

    return check_accounts(settings, chosen, facts, ask)


def _report_unusable(error: AccountsError, status: Status | None) -> list[Result]:
    """Report every mistake of the accounts file, and all checks that need no account."""
    facts = collect_facts(status, offline=True)
    given = Given(tuple(map(str, error.problems)), probes.file_mode())
    unusable = Unseen("the accounts cannot be used")
    return list(run_checks(CHECKS, replace(facts, given=given, meta=unusable)))


def collect_facts(status: Status | None, *, offline: bool) -> DoctorFacts:
    """Collect all facts, as far as the settings allow."""
    running = workspace.find_running()
    try:
        settings = target.settings_for(running)
    except SettingsError as error:
        return _collect_without_store(Given(error.problems, probes.file_mode()), status, offline)
    played = running is not None and bool(running.sandbox)
    away = OFFLINE if offline else PLAYED if played else None
    here, questions = _local_looks(settings), {} if away else meta_probes.build_looks(settings)
    tell = partial(_show_progress, status)
    answers = run_looks(here | questions, WITHIN_S, tell)
    return DoctorFacts(
        given=probes.read_given(settings, dev=running is not None),
        version=(settings.meta_graph_version, datetime.now(UTC).date()),
        disk=probes.disk(settings, answers["redis"]),
        meta=away
        or _ask_meta(settings, {name: answers[name] for name in questions}, answers["rules"], tell),
        **{name: answers[name] for name in here},
    )


def _collect_without_store(given: Given, status: Status | None, offline: bool) -> DoctorFacts:
    """Collect the facts that need no store, if only its address is missing or malformed."""
    nothing: dict[str, Any] = dict.fromkeys(
        ("version", "redis", "reading", "broker", "workers", "rules", "disk", "meta"), INCOMPLETE
    )
    try:
        settings = Settings.from_env(environment() | UNUSED_STORE)
    except SettingsError:
        return DoctorFacts(given=given, **nothing)
    tell = partial(_show_progress, status)
    questions = {} if offline else meta_probes.build_looks(settings)
    answers = run_looks({"rules": partial(probes.rules, settings)} | questions, WITHIN_S, tell)
    rules = answers.pop("rules")
    facts = {
        "version": (settings.meta_graph_version, datetime.now(UTC).date()),
        "rules": rules,
        "meta": OFFLINE if offline else _ask_meta(settings, answers, rules, tell),
    }
    return DoctorFacts(given=given, **(nothing | facts))


def _local_looks(settings: Settings) -> dict[str, Look]:
    return {
        "redis": partial(probes.redis, settings),
        "reading": partial(probes.read_snapshot, settings),
        "broker": partial(probes.broker, settings),
        "workers": partial(probes.workers, settings),
        "rules": partial(probes.rules, settings),
    }


def _ask_meta(
    settings: Settings,
    answers: dict[str, Any],
    rules: Rules | Unseen,
    tell: Any,
    proof_secret: bytes = b"",
) -> MetaAnswers:
    """Combine Meta's answers, and ask what follows from them and from the rules."""
    meta_answers = meta_probes.build_answers(settings, answers)
    looks: dict[str, Look] = {
        "handshake": partial(meta_probes.probe_handshake, settings, meta_answers)
    }
    if isinstance(rules, Rules) and rules.templates:
        looks["templates"] = partial(
            meta_probes.read_templates, settings, rules.templates, proof_secret
        )
    return replace(meta_answers, **run_looks(looks, WITHIN_S, tell))


def _show_progress(status: Status | None, under_way: list[str]) -> None:
    if status is not None:
        status.update(f"looking at {', '.join(under_way)} …")


def _is_broken(results: list[Result]) -> bool:
    return any(one.state == "broken" for one in results)
