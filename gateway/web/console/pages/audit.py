"""Audit log page: who did what in the console, the newest first."""

import re

from gateway.core.console.users import ADMIN
from gateway.store.console.audit_log import read_entries
from gateway.store.tracing.masking import Masking
from gateway.web.console.page import ConsolePage, PageView, PageVisit

PER_PAGE = 100
_ID = re.compile(r"\d{1,15}-\d{1,10}")


async def build(visit: PageVisit) -> PageView:
    """Return a page of the log."""
    before = visit.query.get("before", "")
    before = before if _ID.fullmatch(before) else ""
    desk, masking = visit.desk, Masking()
    found = await desk.read(read_entries, desk.store, before, PER_PAGE + 1)
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


PAGES = (ConsolePage("/audit", build, ADMIN, "Audit log", "u"),)
