"""Problems of the rules that processes have in force; pure."""

from collections.abc import Collection, Iterator

from gateway.core.alerts import HealthProblem
from gateway.store.planning.rulebooks import InForce

RULES_MISSING = HealthProblem(
    "rules_missing",
    "There are no rules, so nothing is answered.",
    "Write some: gateway rules new makes a first file.",
    severity="warning",
)


def find_rule_problems(reports: Collection[InForce]) -> Iterator[HealthProblem]:
    """Find that there are no rules, and files that cannot be used now, each reason once."""
    if not all(one.has_files for one in reports):
        yield RULES_MISSING
    version_by_problem = {
        (problem.splitlines()[0], problem in one.more_problems): one.version
        for one in reports
        for problem in (one.problem, *one.more_problems)
        if problem
    }
    for (problem, is_another), version in sorted(version_by_problem.items()):
        yield HealthProblem(
            "rules_broken",
            f"The rules as they are now cannot be used, so version {version} stays in force: "
            f"{problem.removesuffix('.')}.",
            "Fix that line; gateway rules check tells all.",
            # An alert of its own for the rules of each other account.
            detail=problem.partition(":")[0] if is_another else "",
            severity="warning",
        )
