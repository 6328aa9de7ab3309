"""Log view of `gateway dev`: renders a child's log line as one readable line, or hides it; pure."""

import json
import os
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.text import Text

from gateway.cli.local.environment import LocalSetup
from gateway.cli.local.log_line import (
    BAD,
    GOOD,
    ODD,
    QUIET,
    Fields,
    LogLine,
    render_call,
    render_forward,
    render_notification,
    short_id,
)
from gateway.cli.local.processes import Child
from gateway.core.sending import canary
from gateway.core.text import printable
from gateway.sandbox.app import PAGES

# `gateway dev` prints these itself, or they are of no interest during development.
HIDDEN = frozenset({"rules_loaded", "rules_rejected", "no_rules", "alert_begun", "alert_over"})
# Celery's warning about root, from each worker: nothing to worry about on a machine of one's own.
AS_ROOT = "SecurityWarning: You're running the worker with superuser privileges"
STYLES = {"warning": ODD, "error": BAD, "critical": "bold red"}
OF_EVERY_LINE = frozenset({"event", "level", "logger", "timestamp", "exception"})


def render_line(child: str, raw: str, *, verbose: bool = False) -> LogLine | None:
    """Return how to show a line, None if it is not worth showing."""
    fields = _fields(raw)
    if fields is None:
        return LogLine(f"{child}: {raw}", QUIET) if verbose and raw.strip() else None
    event = str(fields["event"])
    try:
        known = _KNOWN[event](fields) if event in _KNOWN else None
    except (KeyError, TypeError, ValueError):
        known = None  # the fields are not as expected, so the line is shown unchanged
    is_hidden = event in HIDDEN or event.startswith(AS_ROOT)
    if known or (is_hidden and not verbose):
        return known
    style = STYLES.get(fields.get("level", ""), "")
    return (
        LogLine(_render_unknown(child, event, fields), style or QUIET) if style or verbose else None
    )


def _fields(raw: str) -> Fields | None:
    try:
        fields = json.loads(raw)
    except ValueError:
        return None
    return fields if isinstance(fields, dict) and "event" in fields else None


def _render_unknown(child: str, event: str, fields: Fields) -> str:
    pairs = [f"{name}={fields[name]}" for name in fields if name not in OF_EVERY_LINE]
    raised = str(fields.get("exception", "")).strip().splitlines()[-1:]
    return " ".join([f"{child}: {event}", *pairs, *raised])


def _render_batch(fields: Fields) -> LogLine | None:
    kinds: Fields = fields.get("kinds") or {"event": fields["events"]}
    if set(kinds) == {"returned"}:
        return None  # our own events, such as the canary of each minute
    known: Counter[str] = Counter(fields.get("known", {}))
    statuses = fields.get("statuses", [])
    deliveries = fields["deliveries"]
    parts = [f"kept {pluralize(deliveries, 'delivery')}"] if deliveries > 1 else []
    parts += [pluralize(count, kind) for kind, count in _count_unnamed(kinds, statuses, known)]
    parts += map(_render_status, statuses)
    if duplicates := known.total():
        parts.append(f"{pluralize(duplicates, 'duplicate')}, known already: nothing happens")
    parts += [f"✓ {rule}: {why}" for rule, why in fields.get("fired", {}).items()]
    parts += _planned(fields)
    return LogLine(f"in      {' · '.join(parts)}", _batch_style(kinds, statuses))


def _count_unnamed(
    kinds: Fields, statuses: Sequence[Fields], known: Counter[str]
) -> Iterator[tuple[str, int]]:
    """Yield how many events of each kind are named by nothing else on the line."""
    others = [kind for kind in kinds if kind != "status"]
    for kind, count in kinds.items():
        if kind == "status":
            left = count - len(statuses) - known["status"]
        else:  # of several other kinds it is not logged which of them came again
            left = count - (known["event"] if len(others) == 1 else 0)
        if left > 0:
            yield kind, left


def _render_status(status: Fields) -> str:
    """Render a status with the beginning of the id of its send, which an attempt shows as well."""
    about = short_id(status["send"]) or "another message"
    failure = f": ({status['code']}) {status['title']}" if status.get("code") else ""
    return f"{about} {status['stage']}{failure}"


def _planned(fields: Fields) -> Iterator[str]:
    if sends := fields.get("sends"):
        ids = ", ".join(map(short_id, fields.get("send_ids", ())))
        yield f"planned {pluralize(sends, 'send')}" + (f" → {ids}" if ids else "")
    if notifications := fields.get("notifications"):
        yield f"planned {pluralize(notifications, 'notification')}"
    if calls := fields.get("calls"):
        yield f"planned {pluralize(calls, 'call')}"


def _batch_style(kinds: Fields, statuses: Sequence[Fields]) -> str:
    if any(one["stage"] == "failed" for one in statuses):
        return BAD
    # Statuses of our messages are four times as frequent as messages of customers.
    return QUIET if set(kinds) == {"status"} else ""


def pluralize(count: int, noun: str) -> str:
    """Return a count with its noun."""
    if count == 1:
        return f"1 {noun}"
    plural = {"delivery": "deliveries", "status": "statuses"}.get(noun, f"{noun}s")
    return f"{count} {plural}"


def _render_attempt(fields: Fields) -> LogLine | None:
    if fields.get("number") == canary.NUMBER:
        return None
    step, details = fields["step"], json.loads(fields["reason"] or "{}")
    attempt = f"attempt {fields['attempt']} " if fields["attempt"] > 1 else ""
    outcome, style = _STEPS[step]
    if (wait_ms := fields["wait_ms"]) is not None:
        outcome = f"{outcome} in {wait_ms / 1000:.1f} s"
    reason = (
        f"({details['code']}) {details['reason']}"
        if details.get("code")
        else details.get("reason", "")
    )
    result = f"out     {short_id(fields['send'])} {attempt}{outcome}"
    rule = f"rule {fields['rule']}" if fields["rule"] else ""  # none of a send that was requested
    parts = [result, f"{fields['ms']} ms", rule, reason]
    return LogLine(" · ".join(part for part in parts if part), style)


_STEPS = {
    "accepted": ("accepted", ""),
    "later": ("not taken now, again", ODD),
    "rests": ("not taken now, the number rests; again", ODD),
    "slower": ("not taken now, the number sends more slowly; again", ODD),
    "pair": ("not taken now, this customer got too many; again", ODD),
    "paused": ("not taken until a person mends it; tried again", BAD),
    "instead": ("not sent, the window is closed: its template goes instead", ODD),
    "stopped": ("not sent, Meta has stopped its template: waits until it is sent again", ODD),
    "postponed": ("not sent, it is quiet for the customer: waits until that is over", ODD),
    "parked": ("not sent, the window is closed: waits for the customer", ODD),
    "unconfirmed": ("without an answer: nobody knows whether Meta took it", ODD),
    "dead": ("refused for good", BAD),
    "dropped": ("given up, nobody will miss it", QUIET),
}


def _render_dead_event(fields: Fields) -> LogLine:
    return LogLine(f"in      an event could not be planned ({fields['error']}): a dead letter", BAD)


def _render_deferred(fields: Fields) -> LogLine:
    count = len(fields["deliveries"])
    return LogLine(f"in      set aside {count}: cannot be committed now, tried again later", BAD)


def _render_sweep(fields: Fields) -> LogLine:
    what = {"inbox": "deliveries", "reply": "replies", "notice": "notices", "bulk": "bulk sends"}
    waiting = what.get(fields["what"], fields["what"])
    return LogLine(f"sweep   {waiting} waited and nobody worked: rang again", ODD)


def _render_cleanup(fields: Fields) -> LogLine:
    dropped = f"{fields['deliveries']} old deliveries, {fields['dead_letters']} dead letters"
    return LogLine(f"cleanup dropped {dropped}", QUIET)


def _render_worker_death(fields: Fields) -> LogLine:
    death = f"{fields['worker']} died (exit code {fields['exit_code']})"
    return LogLine(f"worker  {death} and is started again", BAD)


def _render_lost_wakeup(fields: Fields) -> LogLine:
    return LogLine(f"bell    the broker did not hear {fields['task']}; the sweep rings later", ODD)


_KNOWN: Mapping[str, Callable[[Fields], LogLine | None]] = {
    "batch_drained": _render_batch,
    "attempt_made": _render_attempt,
    "notification_posted": render_notification,
    "service_called": render_call,
    "forward_posted": render_forward,
    "event_dead": _render_dead_event,
    "deliveries_aside": _render_deferred,
    "sweep_rang": _render_sweep,
    "cleaned_up": _render_cleanup,
    "worker_died": _render_worker_death,
    "bell_unheard": _render_lost_wakeup,
}


_console = Console(highlight=False, soft_wrap=True)


def show(line: LogLine | None) -> None:
    """Print a line with the time; None prints nothing."""
    if line:
        now = datetime.now().astimezone()
        _console.print(Text(f"{now:%H:%M:%S} {printable(line.text)}", style=line.style))


def print_to_stderr() -> None:
    """Print to stderr from now on, since a program reads stdout."""
    _console.stderr = True


def warn(setup: LocalSetup) -> None:
    """Print warnings about dangerous settings."""
    if setup.is_real:
        line = LogLine("This speaks to the real Meta: real customers get answers.", f"bold {BAD}")
        show(line)
    elif not setup.redis_port:
        show(LogLine("What waits in the Redis of REDIS_URL goes to the sandbox.", ODD))


def welcome(setup: LocalSetup, rules: str, took_s: float) -> None:
    """Print all addresses, and one line on the rules."""
    rows = {
        "phone": f"{setup.sandbox}{PAGES}     (open it in a browser)" if setup.sandbox else "",
        "webhook": f"{setup.web}/webhook",
        "api": f"{setup.api}, for /v1/messages, /readyz and /metrics",
        "console": f"{setup.api}/console     ({own_command()} console-users add NAME --role admin)",
        "key": "" if setup.is_real else setup.environment["GATEWAY_API_KEYS"],
        "meta": setup.sandbox or setup.settings.meta_graph_url,
        "redis": "our own, data in .gateway/" if setup.redis_port else "the one of REDIS_URL",
        "rules": rules,
        "chat": "" if setup.is_real else f"{own_command()} chat     (in another terminal)",
        "stop": "Ctrl-C",
    }
    show(LogLine(f"ready in {took_s:.1f} s", GOOD))
    _print(f"         {name:8}{value}" for name, value in rows.items() if value)


def show_rules_moved(rules: str) -> None:
    """Print that rules of another place are in force, with one line on them."""
    show(LogLine(f"rules   {rules}", GOOD))


def show_rule_change(rule_count: int, problem: str) -> None:
    """Print the result of a rule change."""
    if problem:
        show(LogLine("rules   the change is not taken up, the old rules stay:", BAD))
        _print((f"         {line}" for line in problem.splitlines()), BAD)
    else:
        show(LogLine(f"rules   taken up: {pluralize(rule_count, 'rule')}", GOOD))


def show_child_exit(child: Child) -> None:
    """Print which child has ended, and its last lines."""
    show(LogLine(f"{child.name} has ended (exit code {child.process.poll()}). It wrote:", BAD))
    for raw in child.last_lines:
        show(render_line(child.name, raw, verbose=True))


def _print(lines: Iterable[str], style: str = "") -> None:
    for line in lines:
        _console.print(Text(printable(line), style=style))


def own_command() -> str:
    """Return the command line that started this process."""
    called = Path(os.path.normpath(sys.argv[0]))
    needs_path = called.name == "gateway" and shutil.which("gateway") != str(called)
    return str(called) if needs_path else "gateway"
