"""Condition that a message answers a campaign: `campaign: spring`."""

from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from gateway.core.planning.campaign_answers import COUNTED_FOR, KNOWN_FOR
from gateway.rules.language.refusals import refuse
from gateway.rules.language.times.durations import Duration
from gateway.rules.language.types import Ids, Tests


def _known_time(within: timedelta) -> timedelta:
    if within > KNOWN_FOR:
        refuse(f"must be {KNOWN_FOR.days}d or less: older messages of campaigns are not known")
    return within


class AnsweredCampaign(Tests):
    """Which campaign a message must answer, and how soon."""

    name: Ids = Field(description="The campaign's name or id, one of these, or `any`.")
    within: Annotated[Duration, AfterValidator(_known_time)] = Field(
        default=COUNTED_FOR, description="So long after its message at most; 7d unless given."
    )


def _answered_campaign(value: Any) -> Any:
    return {"name": value} if isinstance(value, str | list) else value


Campaign = Annotated[
    AnsweredCampaign,
    BeforeValidator(_answered_campaign, json_schema_input_type=Ids | AnsweredCampaign),
]
