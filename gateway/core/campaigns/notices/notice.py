"""Notice of a campaign: one report that it has ended, or paused by itself, with one id."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gateway.core.campaigns.notices.notice_form import NoticeForm
from gateway.core.campaigns.recipient_state import Funnel
from gateway.core.forwards.forward import forward_id
from gateway.core.forwards.payload import CAMPAIGN, build_notice_payload
from gateway.core.sending.notifications.notification import Notification
from gateway.core.sending.send import send_id


@dataclass(frozen=True, slots=True)
class CampaignNotice:
    """What is reported of a campaign that went into a phase at a moment."""

    campaign: str
    number: str
    name: str
    phase: str
    by: str
    why: str
    at: datetime
    funnel: Funnel = field(repr=False)

    @property
    def id(self) -> str:
        """Return its id, which is the same however often it is made."""
        seconds = f"{self.at.timestamp():.3f}"
        return send_id(f"campaign:{self.campaign}:{self.phase}:{seconds}", "notice", 0)

    @property
    def text(self) -> str:
        """Return it in one sentence, which names no recipient."""
        reason = f" ({self.why})" if self.why and self.phase != "completed" else ""
        return (
            f"The campaign {self.name} is {self.phase}{reason}: {self.funnel.written_count:,} of "
            f"{self.funnel.total:,} written to, {self.funnel.of('failed'):,} failed."
        )

    @property
    def values(self) -> Mapping[str, str]:
        """Return what the placeholders of its template stand for."""
        return {
            "campaign": self.name,
            "phase": self.phase,
            "why": self.why or "-",
            "written": str(self.funnel.written_count),
            "failed": str(self.funnel.of("failed")),
            "total": str(self.funnel.total),
        }

    def as_notification(self, account: str) -> Notification:
        """Return it as it is posted to the operator's address."""
        payload = {
            "id": self.id,
            "type": self._kind,
            "timestamp": self.at.isoformat(timespec="milliseconds"),
            "text": self.text,
            "number": self.number,
            "campaign": self._details,
        }
        return Notification(self.id, payload).of_account(account)

    def as_forward(self, receiver: str, account: str) -> tuple[str, bytes]:
        """Return the id and the body of what a receiver of forwards gets."""
        forward = forward_id(self.id, receiver)
        data = {"text": self.text, "campaign": self._details}
        return forward, build_notice_payload(
            forward, self._kind, self.at, data, account=account, number=self.number
        )

    @property
    def _kind(self) -> str:
        return f"{CAMPAIGN}{self.phase}"

    @property
    def _details(self) -> Mapping[str, Any]:
        return {
            "id": self.campaign,
            "name": self.name,
            "phase": self.phase,
            "by": self.by,
            "why": self.why,
            "total": self.funnel.total,
            "skipped": sum(self.funnel.skipped.values()),
            **self.funnel.cells,
            "export": f"/v1/campaigns/{self.campaign}/export.csv",
        }

    def as_request(self, form: NoticeForm) -> dict[str, Any]:
        """Return the request that sends it to a phone; the template goes outside the window."""
        return {
            "to": f"+{form.to}",
            "text": self.text,
            "when_closed": {"template": form.fill_template(self.values)},
            "priority": "notice",
        }
