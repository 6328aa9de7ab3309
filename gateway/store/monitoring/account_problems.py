"""Problems of the accounts: their file cannot be used, or no account has a number; pure."""

from collections.abc import Collection, Iterable, Iterator

from gateway.core.alerts import HealthProblem
from gateway.store.monitoring.number_state import NumberState
from gateway.store.planning.rulebooks import InForce


def find_account_problems(reports: Iterable[InForce]) -> Iterator[HealthProblem]:
    """Find that the file of accounts cannot be used as it is now, each first mistake once."""
    mistakes = {one.accounts_problem.splitlines()[0] for one in reports if one.accounts_problem}
    for mistake in sorted(mistakes):
        yield HealthProblem(
            "accounts_broken",
            "The accounts as they are now cannot be used, so those from before stay in force: "
            f"{mistake.removesuffix('.')}.",
            "Fix that line; gateway accounts check tells all.",
            severity="warning",
        )


def find_stopped_rules(stopped: str) -> Iterator[HealthProblem]:
    """Find that planning has stopped for the rules of some accounts, while others go on."""
    if stopped:
        yield HealthProblem(
            "rules_stopped",
            "Planning has stopped for the rules of some accounts, for too many events raised an "
            "error; their deliveries are set aside.",
            "Roll back the release or these rules, and see gateway dead-letters list.",
            observed=", ".join(stopped.split("\n")),
        )


def find_unassigned_numbers(
    numbers: Iterable[NumberState], unassigned: Collection[str]
) -> Iterator[HealthProblem]:
    """Find numbers that no account has, and whose sends wait until one does."""
    for one in numbers:
        waiting = sum(lanes.ready for lanes in one.lanes.values()) + one.due + one.parked
        if one.number in unassigned and waiting:
            yield number_unassigned(one.number, waiting)


def number_unassigned(number: str, waiting: int = 0) -> HealthProblem:
    """Return the problem of a number that no account has: it is answered by no rule."""
    return HealthProblem(
        "number_unassigned",
        "No account has this number, so no rule answers its customers, and its sends wait.",
        "Add the number to the file GATEWAY_ACCOUNTS, or unsubscribe the app from its WhatsApp "
        "account at Meta.",
        number=number,
        severity="warning",
        observed=f"{waiting:,} wait" if waiting else "",
    )
