"""Problems of numbers that do not send: Meta accepts nothing, or an operator holds them; pure."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from gateway.core.alerts import HealthProblem
from gateway.core.sending.error_codes import error_policy
from gateway.core.sending.pauses import NumberPauses, Pause

NO_NAMES: Mapping[str, str] = MappingProxyType({})


def find_pause_problems(
    by_number: Mapping[str, NumberPauses], accounts: Mapping[str, str] = NO_NAMES
) -> Iterator[HealthProblem]:
    """Find numbers from which Meta accepts no sends, and what an operator holds.

    `accounts` has the name of the account of each number that has one with a name.
    """
    for number, pauses in by_number.items():
        if pauses.pause:
            yield _pause_problem(number, pauses.pause, accounts.get(number, ""))
        for hold in pauses.hold_sentences():
            yield HealthProblem(
                "held",
                f"Sending is {hold}.",
                "Run gateway release when whoever held it agrees.",
                number,
                severity="warning",
            )


def _pause_problem(number: str, pause: Pause, account: str) -> HealthProblem:
    """Return the problem that Meta accepts nothing from the number, or from its whole account."""
    code = pause.error.get("code")
    whole_account = code is not None and error_policy(code, 400).scope != "number"
    of_whom = f"of the account {account}".strip() if whole_account else "of this number"
    return HealthProblem(
        "paused",
        f"Meta takes no sends {of_whom} any more.",
        f"{pause.error.get('reason', '')} Sends wait, and go on by themselves.".strip(),
        number="" if whole_account else number,
        account=account if whole_account else "",
        detail="" if code is None else str(code),
        observed=f"{f'number {number}, ' if whole_account else ''}"
        f"since {pause.since:%Y-%m-%d %H:%M:%S} UTC, asked again at {pause.probe_at:%H:%M:%S}",
    )
