"""Reveal: whoever gives a reason sees a page unmasked for a while, and the audit log says so."""

from gateway.core.console.audit import AuditSubject
from gateway.core.console.users import REPLY
from gateway.store.console import sign_ins
from gateway.store.tracing.masking import Masking
from gateway.web.console.page import PageError, PageVisit

REVEALS = REPLY  # the role
MOST_REASON = 200


async def masking_of(visit: PageVisit, what: str) -> Masking:
    """Return how to write what is personal in something."""
    desk, is_able = visit.desk, visit.user.may(REVEALS)
    shown = is_able and await desk.read(sign_ins.is_revealed, desk.store, visit.sign_in, what)
    return Masking(shown)


async def reveal(
    visit: PageVisit, what: str, about: str, number: str = "", contact: str = ""
) -> None:
    """Note the reason in the audit log, and let the user see something. Raises PageError."""
    reason = visit.form.get("reason", "").strip()
    if not 0 < len(reason) <= MOST_REASON:
        raise PageError(
            422, "A reason is needed.", f"Say in up to {MOST_REASON} characters why you look."
        )
    subject = AuditSubject(number, contact, reason)
    await visit.desk.note(visit.user, "reveal", about, subject)
    await visit.desk.read(sign_ins.reveal, visit.desk.store, visit.sign_in, what)
