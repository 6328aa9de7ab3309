"""Audit log page: who did what in the console, the newest first."""

import re

from gateway.core.console.audit import AuditEntry
from gateway.core.console.users import ADMIN
from gateway.store.console.audit_log import read_entries
from gateway.store.tracing.masking import Masking
from gateway.web.console.page import ConsolePage, PageView, PageVisit

PER_PAGE = 100
AT_ONCE = 1_000  # of a log of 10,000, where not every entry is visible
_ID = re.compile(r"\d{1,15}-\d{1,10}")


async def build(visit: PageVisit) -> PageView:
    """Return a page of the log."""
    before = visit.query.get("before", "")
    before = before if _ID.fullmatch(before) else ""
    masking = Masking()
    found = await visit.desk.read(_read_visible, visit, before)
    entries = [
        {
            "at": one.at,
            "user": one.user,
            "what": one.what,
            "about": one.about,
            "number": one.subject.number if one.subject else None,
            "customer": masking.person(one.subject.contact) if one.subject else None,
            "reason": one.subject.reason if one.subject else None,
        }
        for one in found[:PER_PAGE]
    ]
    following = found[PER_PAGE - 1].id if len(found) > PER_PAGE else None
    return PageView("Audit log", "audit.html", {"entries": entries, "next": following})


def _read_visible(visit: PageVisit, before: str) -> list[AuditEntry]:
    """Return what the user may see of the log, one more than a page has."""
    found: list[AuditEntry] = []
    at_once = AT_ONCE if visit.user.accounts else PER_PAGE + 1
    while len(found) <= PER_PAGE:
        entries = read_entries(visit.desk.store, before, at_once)
        found += (one for one in entries if _is_visible(visit, one))
        if len(entries) < at_once:
            break
        before = entries[-1].id
    return found[: PER_PAGE + 1]


def _is_visible(visit: PageVisit, entry: AuditEntry) -> bool:
    """Say whether a user may see an entry: by one who sees no more, or about their customer."""
    own = set(visit.user.accounts)
    if not own or (entry.accounts and own.issuperset(entry.accounts)):
        return True
    return entry.subject is not None and visit.may_see(entry.subject.number)


PAGES = (ConsolePage("/audit", build, ADMIN, "Audit log", "u"),)
