"""Problems of an audience as a file: the rows that were left out, and why."""

from collections.abc import Iterator
from itertools import chain

from gateway.core.campaigns.audience import RowProblem
from gateway.store.body_codec import Bodies
from gateway.store.campaigns.audience import read_problems
from gateway.store.campaigns.campaigns import Campaign
from gateway.store.redis.client import Store
from gateway.tables.csv_lines import iter_csv_lines

COLUMNS = RowProblem._fields


def iter_problem_lines(
    store: Store, bodies: Bodies, campaign: Campaign, *, for_excel: bool = False
) -> Iterator[str]:
    """Yield the lines of CSV, some at a time: of each row its line, the cause and a sentence.

    Raises StoreUnavailableError, ScriptError or UnknownRecordError.
    """
    problems = read_problems(store, bodies, campaign)
    rows = ([one[name] for name in COLUMNS] for one in problems)
    yield from iter_csv_lines(chain([COLUMNS], rows), for_excel=for_excel)
