"""What clients and operators see of a campaign."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any

from gateway.core.api.recipient import recipient_of
from gateway.core.campaigns.course import ENDED, Phase, Standing, decide_step, waits_for_retries
from gateway.core.campaigns.definition import Definition
from gateway.core.campaigns.notices.notice_form import write_notice_form
from gateway.core.campaigns.quiet_hours import write_quiet_hours
from gateway.core.campaigns.recipient_state import CampaignRecipient, Funnel
from gateway.core.campaigns.zone_groups import find_opening
from gateway.core.planning.campaign_answers import WAYS, CampaignAnswers
from gateway.core.sending.error_codes import find_policy

# So long Meta tries to deliver a message, and says what becomes of it.
SETTLES_FOR = timedelta(days=30)
# Where a status still changes the cell of a recipient.
_UNSETTLED = ("queued", "attempting", "unconfirmed", "accepted", "sent", "delivered")


def view_definition(definition: Definition) -> dict[str, Any]:
    """Return how a campaign is to go; not its message."""
    return {
        "name": definition.name,
        "pace": definition.pace,
        "start_at": definition.start_at,
        "finish_by": definition.finish_by,
        "quiet_hours": write_quiet_hours(definition.quiet),
        "notify": write_notice_form(definition.notice),
        "columns": sorted(definition.columns),
        "first": _view_first(definition),
        "stop": asdict(definition.stop),
        "when_closed": definition.closed or "fail",
        "marketing": definition.marketing,
        "skip_unreachable": definition.skip_unreachable,
    }


def _view_first(definition: Definition) -> dict[str, int] | None:
    """Return the first batch as it was asked for, None where the size of the audience decides."""
    if (first := definition.first) is None:
        return None
    return {"size": first.size, "wait": int(first.wait.total_seconds())}


def view_funnel(funnel: Funnel) -> dict[str, Any]:
    """Return how many recipients are in each cell; their sum is the total."""
    return {
        "total": funnel.total,
        "skipped": dict(sorted(funnel.skipped.items())),
        **funnel.cells,
        "codes": {str(code): count for code, count in sorted(funnel.codes.items()) if code},
    }


def view_waiting(standing: Standing, now: datetime) -> Mapping[str, Any] | None:
    """Return why a campaign stands still just now, and until when if that is known."""
    obstacle = standing.obstacle
    if standing.phase == "running" and obstacle and obstacle.lasts(now):
        return obstacle._asdict()
    step = decide_step(standing, now)
    if step.until is None:
        return _view_retries(standing, now) if waits_for_retries(standing, step) else None
    reason = "start" if standing.phase == "scheduled" else "first_batch"
    reason = "quiet_hours" if step.is_quiet else reason
    return {"reason": reason, "until": step.until}


def _view_retries(standing: Standing, now: datetime) -> Mapping[str, Any]:
    """Return until when messages wait to be tried again, which is known of quiet hours only."""
    quiet, groups = standing.definition.quiet, [replace(one, done=0) for one in standing.groups]
    opening = find_opening(groups, quiet, now) if quiet else None
    if opening and opening > now:
        return {"reason": "quiet_hours", "until": opening}
    return {"reason": "retries", "until": None}


def is_settling(phase: Phase, changed_at: datetime, funnel: Funnel, now: datetime) -> bool:
    """Say whether a campaign has ended, and statuses may still change its funnel."""
    is_recent = phase in ENDED and now - changed_at <= SETTLES_FOR
    return is_recent and funnel.of(*_UNSETTLED) > 0


def duration_at(recipients: int, pace: float) -> timedelta:
    """Return how long a number of recipients takes at a pace."""
    return timedelta(seconds=round(recipients / pace)) if pace else timedelta(0)


def view_answers(answers: CampaignAnswers) -> dict[str, Any]:
    """Return the figures beside a funnel as clients and operators see them."""
    return {
        "replied": answers.replied,
        "tapped": answers.tapped,
        "buttons": dict(sorted(answers.buttons.items())),
        "opted_out": answers.opted_out,
    }


def view_recipient(recipient: CampaignRecipient) -> dict[str, Any]:
    """Return a recipient, what became of them and how they answered, as the API shows it."""
    code, to = recipient.state.code, recipient_of(recipient.phone)
    return {
        "phone": f"+{to.wa_id}" if to.wa_id else None,
        "user_id": to.user_id or None,
        "status": recipient.state.cell,
        "code": code or None,
        "advice": find_advice(code) or None,
        "message": recipient.send or None,
        "answers": [way for way in WAYS if way in recipient.answers],
    }


def find_advice(code: int) -> str:
    """Return what to do about a code of Meta's, "" where nothing is known of it."""
    policy = find_policy(code) if code else None
    return policy.advice if policy else ""
