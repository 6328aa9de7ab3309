"""The screen of `gateway status`."""

from collections.abc import Iterator, Mapping

from rich.console import Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

from gateway.cli.common.trace_line import many
from gateway.cli.status.view import View, restarted
from gateway.core.sending.send import RUNGS
from gateway.store.monitoring.canary import Canary
from gateway.store.monitoring.snapshot import NumberStanding, Reading
from gateway.store.planning.rulebooks import versions

NOBODY = "none"
STAGES = (*list(RUNGS)[3:], "dead", "expired", "dropped", "doubled")


def screen(view: View) -> RenderableType:
    """Draw everything."""
    parts: list[RenderableType] = [_verdict(view)]
    if view.now:
        parts += [_facts(view, view.now), _queues(view, view.now)]
    return Group(*parts)


def _verdict(view: View) -> Text:
    wrong = view.wrong
    told = Text("● all is well", "bold green")
    if wrong:
        told = Text("\n".join(f"✗ {sentence}" for sentence in wrong), "bold red")
    for warning in view.now.health.warnings if view.now else ():
        told.append(f"\n! {warning}", "yellow")
    return told


def _facts(view: View, now: Reading) -> Table:
    table = Table.grid(padding=(0, 2))
    for name, value in _rows(view, now):
        table.add_row(Text(name, "dim"), Text(value))
    return table


def _rows(view: View, now: Reading) -> Iterator[tuple[str, str]]:
    yield "kept", f"{_rate(view.kept_per_s)}, {now.kept:,} in all"
    yield "waiting", f"{now.waiting:,}, the oldest for {now.oldest_s:,.1f} s"
    for number in now.numbers:
        tried = f"{_rate(view.attempts_per_s(number.number))} tried, "
        yield f"sends of {number.number or NOBODY}", tried + _sends(number)
        if number.statuses:
            yield "odd statuses", _listed(number.statuses)
    yield "dead letters", _listed(now.causes) or "none"
    if now.given_up:
        yield "given up", many(now.given_up, "delivery", "deliveries")
    for what in ("tick", "sweep"):
        ago = now.ago_s.get(what)
        yield f"last {what}", "not within a day" if ago is None else f"{ago:,.1f} s ago"
    yield "canary", _canary(now.canary)
    yield "memory", _memory(now)
    yield "rulebook", _rulebook(view, now)
    yield "restarted", _listed(restarted(now)) or "no worker"


def _memory(now: Reading) -> str:
    used, limit = now.health.used_bytes, now.health.limit_bytes
    told = f"{_mb(used)} of {_mb(limit)}" if limit else _mb(used)
    return f"{told}, {now.forecast}" if now.forecast else told


def _rulebook(view: View, now: Reading) -> str:
    """Tell what is in force, and what the files here hold where that is something else."""
    counted = versions(now.rulebooks)
    told = [f"{one} in {many(count, 'process', 'processes')}" for one, count in counted.items()]
    if view.rulebook not in counted:
        told.append(f"{view.rulebook or 'none that can be used'} in the files here")
    return ", ".join(told)


def _queues(view: View, now: Reading) -> Table:
    table = Table("queue", _right("waiting"), _right("oldest"), _right("worked off"), "")
    for one in now.partitions:
        oldest_s = (one.now_ms - one.oldest_ms) / 1000 if one.oldest_ms else 0.0
        state = {"moving": view.moves(one.index), f"{one.aside} aside": one.aside > 0}
        told = ", ".join(name for name, holds in state.items() if holds)
        rate = _rate(view.passed_per_s(one.index))
        table.add_row(f"inbox {one.index}", f"{one.waiting:,}", _seconds(oldest_s), rate, told)
    for number in now.numbers:
        for rank, lanes in number.lanes.items():
            name = f"{rank} {number.number or NOBODY}"
            table.add_row(name, f"{lanes.ready:,} lanes", _seconds(lanes.overdue_s), "", "")
    return table


def _sends(number: NumberStanding) -> str:
    """Tell how many sends ever reached each stage, and how many wait for something."""
    stages = {stage: number.stages[stage] for stage in STAGES if stage in number.stages}
    now = {
        "later": number.due,
        "parked": number.parked,
        "unconfirmed": number.unconfirmed,
        "dead letters": number.dead,
    }
    return _listed(stages | {name: count for name, count in now.items() if count}) or "none"


def _rate(per_s: float | None) -> str:
    return "–" if per_s is None else f"{per_s:,.1f}/s"


def _canary(canary: Canary) -> str:
    if canary.took_s is None or canary.age_s is None:
        return "none has arrived yet"
    return f"{canary.age_s:,.1f} s ago, after {canary.took_s:,.2f} s"


def _right(name: str) -> Column:
    return Column(name, justify="right")


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


def _seconds(waited_s: float) -> str:
    return f"{waited_s:,.1f} s" if waited_s else ""


def _mb(size: int) -> str:
    return f"{size / (1 << 20):,.1f} MB"
