"""Table of a check: the file, the template, the times, and the price of each country; pure."""

from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

from gateway.core.campaigns.checks.check import CampaignCheck
from gateway.core.campaigns.checks.cost import CampaignCost
from gateway.core.formats import pluralize
from gateway.core.text import printable

MOST_COUNTRIES = 10


def draw_check(check: CampaignCheck) -> Table:
    """Return the figures of a check beside their names."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for name, figure in (*_rows_of(check), *_prices_of(check.cost)):
        table.add_row(name, Text(figure))
    return table


def _rows_of(check: CampaignCheck) -> Iterator[tuple[str, str]]:
    yield "rows", f"{check.rows:,}"
    yield "valid", f"{check.recipients:,}"
    for cause, count in sorted(check.skipped.items()):
        yield f"left out: {cause}", f"{count:,}"
    if use := check.use:
        status, category = "not known here", ""
        if found := check.template:
            status, category = found.status or status, found.category.lower()
        about = (f"{use.name} {use.language}", status.lower(), category)
        yield "template", ", ".join(printable(one) for one in about if one)
    yield "starts", f"{check.starts_at:%Y-%m-%d %H:%M} UTC"
    yield "ends", f"{check.ends_at:%Y-%m-%d %H:%M} UTC"


def _prices_of(cost: CampaignCost) -> Iterator[tuple[str, str]]:
    """Yield what the messages to each country cost, the one with the most recipients first."""
    for country, count in list(cost.countries.items())[:MOST_COUNTRIES]:
        price, who = cost.prices.get(country), pluralize(count, "recipient")
        each = "price not known"
        if price is not None:
            each = f"{price:f} each, {price * count:,f} {cost.currency}"
        yield country or "country not known", f"{who}, {each}"
    if (more := len(cost.countries) - MOST_COUNTRIES) > 0:
        yield "", f"and {pluralize(more, 'country', 'countries')} more: --json has all"
