"""Checks of webhook routing: account, subscriptions, callback and fields; pure."""

from collections.abc import Iterator
from typing import Any, TypeAlias

from gateway.cli.setup.doctor.findings import Check, Finding, Unseen, both, broken, fine, warning
from gateway.cli.setup.doctor.meta_answers import (
    NO_APP,
    Handshake,
    MetaAnswers,
    answer_or_unseen,
    by_token,
    callback_in_force,
    error_finding,
    of_meta,
    redact_address,
)
from gateway.core.formats import pluralize
from gateway.graph.admin.errors import SetupError
from gateway.graph.admin.models import WHATSAPP, AppCallback, NumberInfo, SubscribedApp

MESSAGES = "messages"
# The gateway works without these fields, but misses events that it could act on.
USEFUL = {
    "user_preferences": "that a customer stops marketing",
    "phone_number_quality_update": "that the number may send faster, or is flagged",
    "message_template_status_update": "that a template is paused or sent again",
    "message_template_quality_update": "that the quality of a template falls",
}

Apps: TypeAlias = tuple[tuple[SubscribedApp, ...], str]


def account(inputs: tuple[tuple[NumberInfo, ...] | SetupError, MetaAnswers]) -> Iterator[Finding]:
    """Check that the number belongs to the account META_WABA_ID."""
    numbers, meta = inputs
    if isinstance(numbers, SetupError):
        yield error_finding(numbers, "META_WABA_ID: ")
    elif meta.number_id not in {one.id for one in numbers}:
        yield broken("META_PHONE_NUMBER_ID is no number of the account META_WABA_ID.")
    else:
        yield fine("The number is one of the account's.")


def subscription(inputs: Apps) -> Iterator[Finding]:
    """Check the usual mistake: tests of the dashboard arrive, and real messages do not."""
    apps, ours = inputs
    if ours in {one.id for one in apps}:
        yield fine("The account's webhooks go to our app.")
    else:
        yield broken(
            "The account is not subscribed to our app: tests from the dashboard arrive, and "
            "messages of customers do not."
        )


def other_apps(inputs: Apps) -> Iterator[Finding]:
    """Check that no other app gets the same webhooks, since it may answer too."""
    apps, ours = inputs
    others = sorted({one.id for one in apps} - {ours})
    if others:
        yield warning(
            f"The account's webhooks go to {pluralize(len(others), 'other app')} as well "
            f"({', '.join(others)}): each may answer, and what one of them refuses is delivered to "
            "all again."
        )
    else:
        yield fine("No other app gets them.")


def callback(inputs: tuple[str, str]) -> Iterator[Finding]:
    """Check that Meta has a callback; the handshake shows where it leads."""
    address, whose = inputs
    if not address:
        yield broken("Meta knows no callback, so nothing arrives.")
    else:
        yield fine(f"{whose} callback is in force: {redact_address(address)}.")


def handshake(answer: Handshake) -> Iterator[Finding]:
    """Check that the gateway answers at the callback, and not another server or an old tunnel."""
    if answer.away:
        yield warning(f"From here the callback could not be reached ({answer.away}).")
    elif answer.wrong:
        yield broken(answer.wrong)
    else:
        yield fine("Our gateway answers at the callback, with our verify token.")


def fields(callbacks: tuple[AppCallback, ...]) -> Iterator[Finding]:
    """Check that the app is subscribed to messages."""
    ours = next((one for one in callbacks if one.object == WHATSAPP), None)
    if ours is None:
        yield broken("The app asks for no webhooks of WhatsApp.")
    elif not ours.active:
        yield broken("The app's subscription to WhatsApp is switched off.")
    elif MESSAGES not in ours.fields:
        yield broken("The field messages is not subscribed to, so no message arrives.")
    else:
        for name, what in USEFUL.items():
            if name not in ours.fields:
                yield warning(f"The field {name} is not subscribed to: nobody hears {what}.")
        if not set(USEFUL) - set(ours.fields):
            yield fine("The app asks for messages and for what else is acted on.")


def _account(meta: MetaAnswers) -> tuple[tuple[NumberInfo, ...] | SetupError, MetaAnswers] | Unseen:
    numbers = by_token(meta, meta.numbers)
    return numbers if isinstance(numbers, Unseen) else (numbers, meta)


def _apps(meta: MetaAnswers) -> Apps | Unseen:
    apps = answer_or_unseen(by_token(meta, meta.subscribed))
    return both(apps, meta.app_id) if meta.app_id else NO_APP


CHECKS: tuple[Check[Any], ...] = (
    Check(
        "meta", "account", of_meta(_account), account,
        "Compare the id with the app's page under WhatsApp > API Setup, and give the token's "
        "system user control of the account.",
    ),
    Check(
        "meta", "subscribed", of_meta(_apps), subscription,
        "Run gateway tunnel once, or post to the account's subscribed_apps with the token.",
    ),
    Check(
        "meta", "other apps", of_meta(_apps), other_apps,
        "Unsubscribe those that should not answer, in Meta Business Suite.",
    ),
    Check(
        "meta", "callback", of_meta(callback_in_force), callback,
        "On the app's page under WhatsApp > Configuration, set https://your.host/webhook.",
    ),
    Check(
        "meta", "handshake", of_meta(lambda meta: meta.handshake), handshake,
        "Let the callback lead to gateway serve, with the same META_VERIFY_TOKEN; gateway "
        "tunnel --clear takes away what an old tunnel left.",
    ),
    Check(
        "meta", "fields", of_meta(lambda meta: answer_or_unseen(meta.callbacks)), fields,
        "On the app's page under WhatsApp > Configuration, subscribe to the field.",
    ),
)  # fmt: skip
