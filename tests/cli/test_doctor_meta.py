"""Each check of Meta's side, in a case in which it fails; by table."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from gateway.cli.setup.doctor.checks.rules_and_disk import Rules
from gateway.cli.setup.doctor.facts import CHECKS
from gateway.cli.setup.doctor.findings import Unseen
from gateway.cli.setup.doctor.meta_answers import NO_ACCOUNT, NO_APP, Handshake, callback_in_force
from gateway.graph.admin.errors import SetupError
from gateway.graph.admin.models import (
    AppCallback,
    AppInfo,
    Callbacks,
    EntityHealth,
    SubscribedApp,
    TemplateInfo,
)
from gateway.rules.matching.action import NamedTemplate
from gateway.store.monitoring.snapshot import DeadLetterGroup
from tests.cli import test_doctor_ours
from tests.support.cli.doctor_facts import (
    APP,
    CALLBACK,
    META,
    NUMBER_INFO,
    TOKEN,
    URL,
    WELL,
    found,
    meta,
    number,
    reading,
    token,
)

DEAD_TOKEN = SetupError("The token has expired.", code=190, status=400, about="token")
DEAD_SECRET = SetupError("The secret is another's.", code=190, status=400, about="app_secret")
NO_SUCH = SetupError("Meta knows no such id.", code=100, subcode=33, status=400)
AWAY = SetupError("Meta cannot be reached (ConnectError).")
LATE = Unseen("nothing came back within 12 s")
BUSY = SetupError("Meta is busy. Try again in a few minutes.", code=4, status=400)
UNFIT = SetupError("The token holds odd characters.", about="token")
PAGE = SetupError("Instead of Graph, a page answered (HTTP 200).", status=200)
FOREIGN = SetupError("The token belongs to another app.", code=100, status=400, about="token")


def of_app(**fields: Any) -> dict[str, Any]:
    return meta(callbacks=(replace(CALLBACK, **fields),))


def ends(version: str) -> dict[str, Any]:
    return {"version": (version, date(2026, 11, 22))}


def unhealthy(what: str, state: str, why: str = "") -> dict[str, Any]:
    return number(
        health=(EntityHealth("PHONE_NUMBER", "AVAILABLE"), EntityHealth(what, state, why))
    )


def nothing_but(answer: Any) -> dict[str, Any]:
    names = ("token", "number", "numbers", "subscribed", "callbacks")
    return meta(secrets=(answer,), **dict.fromkeys(names, answer))


def templates(*known: tuple[str, str], name: str = "staff_notice") -> dict[str, Any]:
    """Let rules send a template that Meta knows with these statuses and languages."""
    found = tuple(TemplateInfo(name, language, status) for status, language in known)
    rules = Rules("abc", 3, templates=(NamedTemplate("staff_notice", "en"),))
    return {"rules": rules, **meta(templates=found)}


ASKED_AS_APP = ("token", "callbacks", "subscribed")
ALL_AWAY = nothing_but(AWAY)
NO_TOKEN = meta(token=NO_APP, number=DEAD_TOKEN, numbers=DEAD_TOKEN, subscribed=DEAD_TOKEN)
LACKS_MANAGEMENT = meta(
    token=replace(TOKEN, scopes=("whatsapp_business_messaging",)), number=NO_SUCH, numbers=NO_SUCH
)
SOON, LATER = datetime(2026, 11, 23, tzinfo=UTC), datetime(2027, 6, 1, tzinfo=UTC)
ENDED = datetime(2026, 11, 20, tzinfo=UTC)

# What changes; the check; how it ends; a part of what it says.
CASES: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "Meta is away": (ALL_AWAY, "graph", "broken", "ConnectError"),
    "Meta is late in everything": (
        nothing_but(LATE),
        "graph", "broken", "Meta did not answer: nothing came back within 12 s.",
    ),
    "a page in the place of Meta": (
        nothing_but(PAGE), "graph", "broken", "a page answered",
    ),
    "a token that never left says nothing of Meta": (
        meta(number=UNFIT, numbers=AWAY, **dict.fromkeys(ASKED_AS_APP, AWAY), secrets=(AWAY,)),
        "graph", "broken", "ConnectError",
    ),
    "only one call is late": (meta(number=AWAY), "graph", "fine", "answered"),
    "nothing more is said of a Meta that is away": (ALL_AWAY, "token", "unseen", "be reached"),
    "nor of the number": (ALL_AWAY, "number", "unseen", "be reached"),
    "asked to stay offline": ({"meta": Unseen("offline")}, "graph", "unseen", "offline"),
    "a version that ended": (ends("v20.0"), "graph version", "broken", "since 2026-09-24"),
    "a version older than all": (ends("v9.0"), "graph version", "broken", "no more."),
    "a version that ends soon": (ends("v21.0"), "graph version", "warning", "until 2027-01-21"),
    "a version without an end": (ends("v26.0"), "graph version", "fine", "not said until when"),
    "a version of tomorrow": (ends("v99.0"), "graph version", "unseen", "does not know"),
    "a wrong secret": (meta(secrets=(DEAD_SECRET,)), "app secret", "broken", "another's"),
    "a secret of which a busy Meta says nothing": (
        meta(secrets=(BUSY,)), "app secret", "unseen", "Try again",
    ),
    "a wrong second secret": (
        meta(secrets=(AppInfo(APP), DEAD_SECRET)), "app secret", "broken", "Secret 2 of 2: The",
    ),
    "no app id": (meta(secrets=(NO_APP,)), "app secret", "unseen", "META_APP_ID is not set"),
    "a token that is no more": (
        token(valid=False, code=190, subcode=463), "token", "broken", "has expired",
    ),
    "a token of another app": (token(app_id="9"), "token", "broken", "of app 9"),
    "a token that Meta says is another app's": (
        meta(token=FOREIGN), "token", "broken", "belongs to another app",
    ),
    "a token that only the number tells of": (NO_TOKEN, "token", "broken", "has expired"),
    "a token that nobody can tell of": (
        meta(token=NO_APP, number=NO_SUCH), "token", "unseen", "did not say",
    ),
    "a token that no header can carry": (
        meta(token=NO_APP, number=UNFIT), "token", "broken", "odd characters",
    ),
    "a token that a busy Meta takes": (meta(token=BUSY), "token", "fine", "Meta takes it"),
    "a token of which a busy Meta says nothing": (
        meta(token=BUSY, number=BUSY), "token", "unseen", "Try again",
    ),
    "a token without an app id": (meta(token=NO_APP), "token", "fine", "Meta takes it"),
    "a token behind a wrong secret": (meta(token=DEAD_SECRET), "token", "fine", "Meta takes it"),
    "a token that ran out": (token(expires_at=ENDED), "token end", "broken", "2026-11-20 00:00"),
    "a temporary token": (
        token(type="USER", expires_at=SOON), "token end", "warning", "temporary one",
    ),
    "a token that ends soon": (token(expires_at=SOON), "token end", "warning", "It runs out at"),
    "a token that ends later": (token(expires_at=LATER), "token end", "fine", "2027-06-01"),
    "the end of a token that is no more": (
        token(valid=False), "token end", "unseen", "token is not valid",
    ),
    "the end of a token behind a wrong secret": (
        meta(token=DEAD_SECRET), "token end", "unseen", "does not take the app secret",
    ),
    "a token that may not send": (
        token(scopes=("whatsapp_business_management",)), "token scopes", "broken",
        "lacks whatsapp_business_messaging",
    ),
    "a token that may not look": (
        LACKS_MANAGEMENT, "token scopes", "warning", "lacks whatsapp_business_management",
    ),
    "an account that is not there": (
        meta(numbers=NO_SUCH), "account", "broken", "META_WABA_ID: Meta knows no such id",
    ),
    "an account of which a busy Meta says nothing": (
        meta(numbers=BUSY), "account", "unseen", "Try again",
    ),
    "a number of another account": (
        meta(numbers=(replace(NUMBER_INFO, id="9"),)), "account", "broken", "no number of the",
    ),
    "an account behind a dead token": (NO_TOKEN, "account", "unseen", "does not take the token"),
    "an account that may not be looked at": (LACKS_MANAGEMENT, "account", "unseen", "lacks"),
    "no account": (meta(numbers=NO_ACCOUNT), "account", "unseen", "META_WABA_ID is not set"),
    "nobody is subscribed": (
        meta(subscribed=()), "subscribed", "broken", "tests from the dashboard arrive",
    ),
    "only another is subscribed": (
        meta(subscribed=(SubscribedApp("9"),)), "subscribed", "broken", "not subscribed to our",
    ),
    "subscriptions without an app id": (
        meta(app_id=""), "subscribed", "unseen", "META_APP_ID is not set",
    ),
    "another app is subscribed": (
        meta(subscribed=(SubscribedApp(APP), SubscribedApp("9"))), "other apps", "warning",
        "1 other app as well (9)",
    ),
    "no callback": (
        meta(number=replace(NUMBER_INFO, callbacks=Callbacks()), callbacks=()), "callback",
        "broken", "knows no callback",
    ),
    "a callback that nobody can tell": (
        meta(number=NO_SUCH, callbacks=DEAD_SECRET), "callback", "unseen", "the app secret",
    ),
    "a number's own callback": (
        number(callbacks=Callbacks(number="https://u:p@tunnel.test/webhook?key=1")), "callback",
        "fine", "The number's own callback is in force: https://tunnel.test/webhook.",
    ),
    "a callback that is no address": (
        number(callbacks=Callbacks(number="https://[tunnel/webhook")), "callback", "fine",
        "one that is no address",
    ),
    "a callback of somebody else": (
        meta(handshake=Handshake("It refuses our META_VERIFY_TOKEN.")), "handshake", "broken",
        "refuses our",
    ),
    "a callback that is away": (
        meta(handshake=Handshake(away="ConnectError")), "handshake", "warning", "ConnectError",
    ),
    "no field": (of_app(fields=("user_preferences",)), "fields", "broken", "field messages"),
    "a field that would be useful": (
        of_app(fields=("messages", "phone_number_quality_update")), "fields", "warning",
        "user_preferences",
    ),
    "a subscription that is off": (of_app(active=False), "fields", "broken", "switched off"),
    "webhooks of pages only": (of_app(object="page"), "fields", "broken", "no webhooks of"),
    "a number that is not there": (
        meta(number=NO_SUCH), "number", "broken", "META_PHONE_NUMBER_ID: Meta knows no such id",
    ),
    "a number of which a busy Meta says nothing": (
        meta(number=BUSY), "number", "unseen", "Try again",
    ),
    "nor of its quality": (meta(number=BUSY), "quality", "unseen", "Try again"),
    "a number behind a dead token": (NO_TOKEN, "number", "unseen", "does not take the token"),
    "a number that is banned": (number(status="BANNED"), "number", "broken", "BANNED, so"),
    "a number that is flagged": (number(status="FLAGGED"), "number", "warning", "FLAGGED"),
    "a number without a status": (number(status=""), "number", "unseen", "status"),
    "nothing is said of a number that is not there": (
        meta(number=NO_SUCH), "quality", "unseen", "does not show the number",
    ),
    "an account that is not paid": (
        unhealthy("WABA", "BLOCKED", "No payment (code 141006)"), "messaging health", "broken",
        "The account may not send: No payment (code 141006)",
    ),
    "a business that is limited": (
        unhealthy("BUSINESS", "LIMITED"), "messaging health", "warning", "within limits.",
    ),
    "no word of health": (number(health=()), "messaging health", "unseen", ""),
    "a number that nobody verified": (
        number(status="PENDING", code_verification="NOT_VERIFIED"), "verification", "warning",
        "NOT_VERIFIED",
    ),
    "a code that expired since": (
        number(code_verification="EXPIRED"), "verification", "fine", "EXPIRED",
    ),
    "a name that was declined": (
        number(name_status="DECLINED"), "display name", "warning", "DECLINED",
    ),
    "bad quality": (number(quality="RED"), "quality", "warning", "RED"),
    "quality that is not known yet": (number(quality="UNKNOWN"), "quality", "fine", "UNKNOWN"),
    "more than Meta grants": (
        meta(per_second=1_000), "throughput", "warning", "grants 80 messages a second, and 1000",
    ),
    "as fast as Meta grants": (
        meta(per_second=1_000, number=replace(NUMBER_INFO, throughput="HIGH")), "throughput",
        "fine", "grants 1000",
    ),
    "a grant that is not told": (
        number(throughput="NOT_APPLICABLE"), "throughput", "unseen", "grants",
    ),
    "a small reach": (
        number(messaging_limit="TIER_250"), "daily reach", "warning", "250 customers a day",
    ),
    "the reach of a test number": (
        number(messaging_limit="TIER_250", mode="SANDBOX"), "daily reach", "fine", "250",
    ),
    "a number of your own": (number(), "recipients", "fine", "account_mode is LIVE"),
    "a number that may be a test number": (
        number(mode=""), "recipients", "unseen", "whether it is a test number",
    ),
    "a test number": (number(mode="SANDBOX"), "recipients", "warning", "with code 131030"),
    "a phone that is not on the list": (
        reading(letters={DeadLetterGroup("100", "refused", 131030): 2}),
        "recipients", "broken", "2 sends",
    ),
    "templates that no rule sends": ({}, "templates", "fine", "No rule sends a template."),
    "an approved template": (
        templates(("APPROVED", "en")), "templates", "fine", "approved 1 template",
    ),
    "a template that was taken back into use": (
        templates(("REINSTATED", "en"), ("PAUSED", "pt_BR")), "templates", "fine", "1 template",
    ),
    "a template that may be paused": (
        templates(("FLAGGED", "en")), "templates", "warning", "its status is FLAGGED",
    ),
    "a template that is not there": (
        templates(), "templates", "broken", "staff_notice (en): Meta has no template",
    ),
    "a template of another name": (
        templates(("APPROVED", "en"), name="staff_notice_2"), "templates", "broken", "no template",
    ),
    "a template in other languages": (
        templates(("APPROVED", "pt_PT"), ("APPROVED", "de")), "templates", "broken",
        "Meta has it in de, pt_PT, not in this one",
    ),
    **{
        f"a template that is {status}": (
            templates((status, "en")), "templates", "broken", f"its status is {status}, so it is",
        )
        for status in ("PENDING", "REJECTED", "PAUSED", "DISABLED", "IN_APPEAL", "A_NEW_WORD")
    },
    "a template without a status": (
        templates(("", "en")), "templates", "broken", "its status is unknown",
    ),
    "templates without an account": (
        templates() | meta(templates=NO_ACCOUNT), "templates", "unseen", "META_WABA_ID is not set",
    ),
    "templates that Meta does not show": (
        templates() | meta(templates=BUSY), "templates", "unseen", "Meta is busy",
    ),
    "templates of rules that cannot be read": (
        {"rules": Rules(problems=("rules.yaml:1:1: no",))}, "templates", "unseen", "cannot be read",
    ),
    "recipients of a number that nobody shows": (
        {"meta": Unseen("offline")}, "recipients", "unseen", "offline",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("change", "check", "state", "told"), CASES.values(), ids=CASES)
def test_one_thing_is_changed_and_its_check_says_so(
    change: dict[str, Any], check: str, state: str, told: str
) -> None:
    said = next(one for one in found(replace(WELL, **change), check) if told in one.message)

    assert said.state == state


def test_every_check_has_a_case_in_which_it_fails() -> None:
    cases = [*CASES.values(), *test_doctor_ours.CASES.values()]
    failing = {check for _, check, state, _ in cases if state in ("warning", "broken")}

    assert {check.name for check in CHECKS} - failing == set()


def test_every_check_has_advice_unless_what_it_finds_has_its_own() -> None:
    of_problems = {
        "deliveries", "replies", "notices", "bulk sends", "paused", "held", "aside", "dead letters",
        "doubled", "too old",
        "notifications",
    }  # fmt: skip

    assert {one.name for one in CHECKS if not one.advice} == of_problems


@pytest.mark.parametrize(
    ("callbacks", "override", "of_app", "address"),
    [
        (Callbacks("https://n", "https://w", "https://a"), "", "https://a", "https://n"),
        (Callbacks("", "https://w", "https://a"), "", "https://a", "https://w"),
        (Callbacks("", "", "https://a"), "https://w", "https://a", "https://w"),
        (Callbacks("", "", "https://a"), "", "https://a", "https://a"),
        (Callbacks(), "", "", ""),
    ],
    ids=["the number's", "the account's", "an account's that only its apps tell", "the app's", "-"],
)
def test_the_nearest_callback_is_in_force(
    callbacks: Callbacks, override: str, of_app: str, address: str
) -> None:
    asked = replace(
        META,
        number=replace(NUMBER_INFO, callbacks=callbacks),
        subscribed=(SubscribedApp("9", override="https://other"), SubscribedApp(APP, "", override)),
        callbacks=(AppCallback("whatsapp_business_account", of_app, True, ()),) if of_app else (),
    )

    given = callback_in_force(asked)

    assert isinstance(given, tuple)
    assert given[0] == address


def test_where_the_app_does_not_say_the_number_tells_the_apps_callback() -> None:
    asked = replace(META, callbacks=NO_APP)

    assert callback_in_force(asked) == (URL, "The app's")
