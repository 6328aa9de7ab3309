"""Shape of a rules file: its keys and their values."""

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from gateway.core.paths.table import find_path
from gateway.rules.language.actions import verbs_with
from gateway.rules.language.call_action import VERBS, CallForm, Step
from gateway.rules.language.condition_parts.answered_campaign import AnsweredCampaign
from gateway.rules.language.conditions import (
    Age,
    Conditions,
    DataTest,
    Referral,
    TextTest,
    When,
)
from gateway.rules.language.contact_actions import HAND_OVER
from gateway.rules.language.outgoing.forwarding import ForwardModel
from gateway.rules.language.outgoing.notify_action import NotificationForm, StaffTemplate
from gateway.rules.language.outgoing.services import NamedServices, Service
from gateway.rules.language.send_actions import FreeForm, RowText, WhenClosed
from gateway.rules.language.times.durations import AtMost, Cooldown, Duration, DurationOrNo
from gateway.rules.language.times.opening_hours_syntax import NamedHours
from gateway.rules.language.types import (
    Model,
    Name,
    TemplateName,
    Version,
    word_of,
    wrap_in_list,
)


class RuleModel(Model):
    """One rule: when its conditions hold, its actions are done."""

    name: Name = Field(description="What the rule is called, in traces too.")
    when: Annotated[tuple[When, ...], BeforeValidator(wrap_in_list)] = Field(
        default=(When(),), description="Conditions that must all hold, or a list of such mappings."
    )
    then: Annotated[tuple[Step, ...], BeforeValidator(wrap_in_list)] = Field(
        description="One action, or a list that is done in order."
    )
    cooldown: Cooldown | None = Field(
        default=None,
        description="How long it rests for a customer after it fired, or `until shop opens`.",
    )
    at_most: AtMost | None = Field(
        default=None, description="How often it fires for one customer: 3 per 1d."
    )
    when_limited: Annotated[Literal["answered", "next"], word_of("answered", "next")] = Field(
        default="answered",
        description="Beyond a limit: `answered` asks no rule below, `next` asks them.",
    )
    stop: bool | None = Field(
        default=None, description="Whether rules below are asked: yes for no, no for yes."
    )
    enabled: bool = Field(default=True, description="`no` turns it off.")
    shadow: bool = Field(default=False, description="`yes` decides and records, and does nothing.")


class Defaults(Model):
    """What holds for every rule."""

    max_age: Duration = Field(
        default=timedelta(minutes=30), description="Older events are noted, and not answered."
    )
    window_closed: WhenClosed = Field(
        default=None, description="What follows after 24 hours where an action says nothing else."
    )
    hand_over: DurationOrNo = Field(
        default=HAND_OVER,
        description="How long rules are silent after a colleague wrote from the phone, or `no`.",
    )


class Book(Model):
    """One file of rules."""

    version: Version = Field(description="Always 1.")
    defaults: Defaults = Field(default=Defaults(), description="What holds for every rule.")
    hours: NamedHours = Field(default={}, description="Opening hours by name.")
    services: NamedServices = Field(
        default={}, description="Your applications that rules call, by name."
    )
    templates: Annotated[tuple[TemplateName, ...], BeforeValidator(wrap_in_list)] | None = Field(
        default=None, description="The templates that Meta approved; others are warned of."
    )
    forwards: Annotated[tuple[ForwardModel, ...], BeforeValidator(wrap_in_list)] = Field(
        default=(), description="Applications to which events are handed on."
    )
    rules: tuple[RuleModel, ...] = Field(description="The rules, tried from top to bottom.")


MODEL_BY_KEY: dict[str, type[Model]] = {
    "": Book, "defaults": Defaults, "rules": RuleModel, "when": When, "text": TextTest,
    "headline": TextTest, "referral": Referral, "age": Age, "any": Conditions, "all": Conditions,
    "not": Conditions, "notify": NotificationForm, "template": StaffTemplate,
    "forwards": ForwardModel, "call": CallForm, "campaign": AnsweredCampaign,
}  # fmt: skip


PLACES: dict[str, type[Model]] = {
    "beside `name`": RuleModel, "under `when`": When, "under `text`": TextTest,
    "beside a message": FreeForm, "under `forwards`": ForwardModel,
}  # fmt: skip
MOST_PLACES = 3  # that a hint names


def known_keys(parent_key: str, neighbours: Any) -> list[str]:
    """Return the keys that are allowed at a place of the file."""
    model = MODEL_BY_KEY.get(parent_key)
    if not model and "." in parent_key and find_path(parent_key):
        model = DataTest
    if not model:
        model = next((VERBS[key] for key in neighbours if key in VERBS), None)
    return (model or (Service if "url" in neighbours else RowText)).keys()


def place_of(key: str) -> str:
    """Say where a key belongs that stands where it is unknown, "" if it is known nowhere."""
    places = [place for place, model in PLACES.items() if key in {*model.keys()}]
    places += [f"beside `{verb}`" for verb in verbs_with(key, VERBS)]
    hint = "is the line indented as those that it belongs to?"
    return f"it belongs {' or '.join(places[:MOST_PLACES])}; {hint}" if places else ""
