"""What is done at Meta and undone again is decided from how things stand, and from that alone."""

import pytest

from gateway.cli.common.callback_probe import ProbeCheck
from gateway.cli.setup.tunnel.callback_plan import (
    CallbackNote,
    CallbackPlan,
    CallbackState,
    plan,
    undo,
    warn_of_takeover,
)
from gateway.graph.admin.models import AppCallback, Callbacks, NumberInfo, SubscribedApp

APP, NUMBER = "7", "9"
OURS, THEIRS, PROD = (f"https://{host}/webhook" for host in ("ours.dev", "theirs.dev", "prod.dev"))


def standing(
    callback: str = PROD,
    fields: tuple[str, ...] = ("messages",),
    apps: tuple[str, ...] = (APP,),
    override: str = "",
) -> CallbackState:
    callbacks = [AppCallback("page", "https://page.dev", True, ("feed",))]
    if callback:
        callbacks.append(AppCallback("whatsapp_business_account", callback, True, fields))
    info = NumberInfo(NUMBER, callbacks=Callbacks(number=override, app=callback))
    return CallbackState(APP, info, callbacks, [SubscribedApp(one) for one in apps])


PLANS: dict[str, tuple[CallbackState, tuple[str, ...], tuple[str, ...]]] = {
    "all is set up": (standing(), ("override",), ()),
    "the app is not subscribed": (standing(apps=()), ("subscribe", "override"), ()),
    "another app is": (standing(apps=("6",)), ("subscribe", "override"), ()),
    "the app has no callback": (standing(""), ("give_app", "override"), ("--yes",)),
    "nothing is set up": (
        standing("", apps=()),
        ("give_app", "subscribe", "override"),
        ("--yes",),
    ),
    "somebody else has the number": (standing(override=THEIRS), ("override",), ("--replace",)),
    "it is set by hand already": (standing(override=OURS), (), ()),
}


@pytest.mark.parametrize(("found", "steps", "options"), PLANS.values(), ids=PLANS)
def test_only_what_is_missing_is_done_and_what_is_others_is_asked_for(
    found: CallbackState, steps: tuple[str, ...], options: tuple[str, ...]
) -> None:
    made = plan(found, OURS)

    assert isinstance(made, CallbackPlan)
    assert made.steps == steps
    assert tuple(one.option for one in made.questions) == options


def test_an_app_without_the_field_is_told_and_left_as_it_is() -> None:
    made = plan(standing(fields=("account_update",)), OURS)

    assert isinstance(made, ProbeCheck)
    assert made.tone == "bad"


SET = CallbackNote("https://graph", APP, NUMBER, OURS)
GIVEN = CallbackNote("https://graph", APP, NUMBER, OURS, gave_app=True)
UNDONE: dict[str, tuple[CallbackState, CallbackNote, tuple[str, ...]]] = {
    "it is there still": (standing(override=OURS), SET, ("clear_override",)),
    "it was never set": (standing(), SET, ()),
    "somebody else has set another": (standing(override=THEIRS), SET, ()),
    "the app was given it too": (
        standing(OURS, override=OURS),
        GIVEN,
        ("clear_override", "clear_app"),
    ),
    "the app has another one by now": (standing(override=OURS), GIVEN, ("clear_override",)),
    "Meta tells of no callback at all": (standing(""), SET, ("clear_override",)),
    "only the app has it": (standing(OURS), GIVEN, ("clear_app",)),
    "the app had it before": (standing(OURS, override=OURS), SET, ("clear_override",)),
}


@pytest.mark.parametrize(("found", "note", "steps"), UNDONE.values(), ids=UNDONE)
def test_only_what_is_ours_is_cleared(
    found: CallbackState, note: CallbackNote, steps: tuple[str, ...]
) -> None:
    assert undo(found, note) == steps


@pytest.mark.parametrize(("found", "told"), [
    (standing(), PROD), (standing(override=THEIRS), THEIRS), (standing(""), None),
    (standing(override=OURS), None),
])  # fmt: skip
def test_who_gets_nothing_meanwhile_is_told(found: CallbackState, told: str | None) -> None:
    check = warn_of_takeover(found, OURS)

    assert told in check.reason if check and told else (check, told) == (None, None)
