"""Check of a draft as clients and operators see it: who would get it, and what it takes."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, ClassVar, Literal

from gateway.core import messages
from gateway.core.campaigns.checks.cost import CampaignCost, CountryCounter, is_free
from gateway.core.campaigns.definition import Definition, render
from gateway.core.campaigns.reach import Reach
from gateway.core.contacts.contact import Contact
from gateway.core.sending.preflight import is_window_open
from gateway.core.storage.timestamps import ms_from_datetime
from gateway.core.templates.choice import KnownTemplate, TemplateUse, judge_use, read_use
from gateway.core.templates.template import NO_TEMPLATE, TOO_LONG, MetaTemplate, Mismatch

UnfitCause = Literal["too_long", "other"]

CHECK_ID_LENGTH = 16


@dataclass(frozen=True, slots=True)
class CampaignCheck:
    """What would become of a campaign that started now."""

    rows: int  # of the audience's file
    recipients: int
    skipped: Mapping[str, int]
    opted_out: int
    window_closed: int  # for a message that is no template
    empty: int  # whose message would lack a text
    not_needed: int  # of a repetition: who has the message of the campaign before after all
    unreachable: int  # to whom Meta could deliver nothing within 30 days
    skips_unreachable: bool
    unfit: Sequence["UnfitRows"]  # whose message Meta would refuse for a value, by cause
    outreach: int  # who would get it outside their window, which uses up reach
    problems: Sequence[Mismatch]  # what of the first sample does not fit the template at Meta
    samples: Sequence[messages.Body]  # the first, the shortest and the longest of a thousand
    starts_at: datetime
    takes: timedelta
    reach: Reach | None  # None where Meta's limit is not known
    cost: CampaignCost
    use: TemplateUse | None  # of a template, None for another message
    template: MetaTemplate | None  # as Meta has it, None for no template or one that is not known
    warnings: Sequence[str]
    checked_at: datetime
    check_id: str  # "" for a check with which no campaign can start

    @property
    def ends_at(self) -> datetime:
        """Return when the last recipient would be written to."""
        return self.starts_at + self.takes

    @property
    def would_get(self) -> int:
        """Return how many recipients Meta would be asked to write to."""
        left_out = self.unreachable if self.skips_unreachable else 0
        left_out += self.opted_out + self.window_closed + self.empty + self.not_needed
        return self.recipients - left_out - sum(one.count for one in self.unfit)


@dataclass(slots=True)
class UnfitRows:
    """Recipients with a value that Meta would refuse, all for one cause."""

    cause: UnfitCause
    count: int = 0
    rows: list[int] = field(default_factory=list)  # the first, counted from 1 as in the export

    MOST_ROWS: ClassVar[int] = 10

    def add(self, row: int) -> None:
        """Count one recipient."""
        self.count += 1
        if len(self.rows) < self.MOST_ROWS:
            self.rows.append(row + 1)


class CheckTally:
    """Counts what would become of each recipient, and where those are whose messages Meta bills."""

    def __init__(
        self,
        definition: Definition,
        category: str,
        prepared: Any,
        now: datetime,
        known: KnownTemplate | None,
    ) -> None:
        """Take the category of the message, the message compiled, and its template if known."""
        self._definition, self._category = definition, category
        self._prepared, self._now, self._known = prepared, now, known
        self._unfit: dict[UnfitCause, UnfitRows] = {}
        self.fit = self.erased = self.not_needed = 0
        self.opted_out = self.window_closed = self.empty = self.outreach = self.unreachable = 0
        self.countries = CountryCounter()

    @property
    def unfit(self) -> Sequence[UnfitRows]:
        """Return whose messages Meta would refuse, the most frequent cause first."""
        return sorted(self._unfit.values(), key=lambda one: (-one.count, one.cause))

    def add(
        self,
        phone: str,
        values: Mapping[str, str],
        contact: Contact,
        *,
        row: int,
        is_unreachable: bool,
    ) -> None:
        """Count the recipient of a row with what the number knows of them.

        A customer who was erased since the upload has no phone, and is no recipient any more.
        """
        if not phone:
            self.erased += 1
            return
        is_open = is_window_open(contact, self._now)
        if self._definition.marketing and contact.opted_out_at:
            self.opted_out += 1
        elif not is_open and not self._definition.is_template:
            self.window_closed += 1
        elif (body := render(self._prepared, values)) is None:
            self.empty += 1
        elif cause := find_unfit(body, self._known):
            self._unfit.setdefault(cause, UnfitRows(cause)).add(row)
        elif is_unreachable and self._definition.skip_unreachable:
            self.unreachable += 1
            self.fit += 1
        else:
            self.fit += 1
            self.unreachable += is_unreachable
            self.outreach += not is_open
            if not is_free(self._category, is_window_open=is_open):
                self.countries.add(phone)


def find_unfit(body: messages.Body, known: KnownTemplate | None) -> UnfitCause | None:
    """Return why Meta would refuse a message for a value in it, None where it fits.

    Only a template whose parameters are known is looked at: all else was cut to its length, and
    written on one line, when its placeholders were filled.
    """
    use = read_use(body, "#")
    if use is None or known is None or use.key != known.template.key:
        return None
    if not (found := judge_use(use, known, None)):
        return None
    return "too_long" if found[0].code == TOO_LONG else "other"


def keep_common(problems: Sequence[Mismatch], fit: int) -> list[Mismatch]:
    """Return of what is wrong with the first message what is so with all.

    Where others fit, a value of the first is at fault, which is counted as that of any other.
    """
    return [one for one in problems if not fit or one.code == NO_TEMPLATE]


def identify_check(campaign: str, audience: str, checked_at: datetime) -> str:
    """Return the id of a check: of which campaign, with which audience, at which moment.

    What a campaign says never changes, so its own id stands for that.
    """
    text = f"{campaign} {audience} {ms_from_datetime(checked_at)}"
    return sha256(text.encode()).hexdigest()[:CHECK_ID_LENGTH]


def view_check(check: CampaignCheck) -> dict[str, Any]:
    """Return what clients and operators see of a check."""
    return {
        "rows": check.rows,
        "recipients": check.recipients,
        "would_get": check.would_get,
        "skipped": dict(sorted(check.skipped.items())),
        "opted_out": check.opted_out,
        "window_closed": check.window_closed,
        "empty": check.empty,
        "not_needed": check.not_needed,
        "unreachable": check.unreachable,
        "unfit": [asdict(one) for one in check.unfit],
        "outreach": check.outreach,
        "problems": [one._asdict() for one in check.problems],
        "warnings": list(check.warnings),
        "samples": list(check.samples),
        "takes_seconds": int(check.takes.total_seconds()),
        "starts_at": check.starts_at,
        "ends_at": check.ends_at,
        "template": _view_template(check),
        "reach": _view_reach(check),
        "cost": _view_cost(check.cost),
        "checked_at": check.checked_at,
        "check_id": check.check_id or None,
    }


def _view_template(check: CampaignCheck) -> dict[str, str | None] | None:
    """Return the template of the message, None for a message that is none."""
    if (use := check.use) is None:
        return None
    found = check.template
    return {
        "name": use.name,
        "language": use.language,
        "status": found.status or None if found else None,
        "category": found.category or None if found else None,
    }


def _view_reach(check: CampaignCheck) -> dict[str, Any] | None:
    if (reach := check.reach) is None:
        return None
    return {
        "limit": reach.limit if reach.is_limited else None,
        "used": reach.used,
        "days": reach.days_for(check.outreach),
    }


def _view_cost(cost: CampaignCost) -> dict[str, Any]:
    has_price = cost.unpriced < sum(cost.countries.values()) or not cost.countries
    is_known = bool(cost.currency) and has_price
    return {
        "category": cost.category or None,
        "amount": f"{cost.amount:f}" if is_known else None,
        "currency": cost.currency or None if is_known else None,
        "prices_of": cost.prices_of if is_known else None,
        "unpriced": cost.unpriced,
        "countries": dict(cost.countries),
        "prices": {
            country: None if price is None else f"{price:f}"
            for country, price in cost.prices.items()
        },
    }
