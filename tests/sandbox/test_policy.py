"""Windows, consent and templates: what Meta does not deliver, and how it tells so."""

from typing import Any

import httpx
import pytest

from tests.support.sandbox.message_bodies import message, template, text
from tests.support.sandbox.sandbox_app import ANA, Rig, a_rig

pytestmark = pytest.mark.anyio
DAY_S = 24 * 60 * 60
BY_USER_ID = {"to": None, "recipient": "PT.1"}


async def act(rig: Rig, what: str, wish: Any, customer: str = ANA) -> httpx.Response:
    return await rig.client.post(f"/sandbox/customers/{customer}/{what}", json=wish)


async def fate(rig: Rig, body: Any) -> list[Any]:
    """Send, and give the HTTP status of the answer, the code in it, and that of a status."""
    before = len(rig.endpoint.requests)
    answer = await rig.send(body)
    await rig.settle()
    values = (await rig.endpoint.values(before))[before:]
    errors = [one.get("errors", [{}])[0] for value in values for one in value.get("statuses", ())]
    codes = {error.get("code") for error in errors}
    return [answer.status_code, answer.json().get("error", {}).get("code"), *(codes - {None})]


AGES: dict[str, tuple[float | None, list[Any]]] = {
    "a moment ago": (0, [200, None]),
    "a second less than a day": (DAY_S - 1, [200, None]),
    "a day": (DAY_S, [200, None, 131047]),
    "never": (None, [200, None, 131047]),
}


@pytest.mark.parametrize(("age_s", "expected"), AGES.values(), ids=AGES)
async def test_free_form_outside_the_window_fails_by_a_status(
    age_s: float | None, expected: list[Any]
) -> None:
    async with a_rig(enforce_window="status") as rig:
        told = await act(rig, "window", {"age_s": age_s})

        assert await fate(rig, text()) == expected
        assert told.json()["open"] == (len(expected) == 2)


async def test_free_form_outside_the_window_can_be_refused_at_once() -> None:
    async with a_rig(enforce_window="answer") as rig:
        assert await fate(rig, text()) == [400, 131047]


async def test_windows_are_not_enforced_unless_asked_for() -> None:
    async with a_rig() as rig:
        assert await fate(rig, text()) == [200, None]


async def test_a_window_that_a_call_sets_is_enforced_until_the_customer_writes() -> None:
    async with a_rig() as rig:
        await act(rig, "window", {"age_s": DAY_S})
        fates = [await fate(rig, text()), await fate(rig, text(to="351900000002"))]
        await rig.say({"text": "Hi"})
        await rig.settle()

        assert [*fates, await fate(rig, text())] == [[200, None, 131047], [200, None], [200, None]]


WINDOWS: dict[str, tuple[float | None, dict[str, Any]]] = {
    "an hour ago": (3600, {"open": True, "age_s": 3600.0, "closes_in_s": DAY_S - 3600.0}),
    "two days ago": (2 * DAY_S, {"open": False, "age_s": 2.0 * DAY_S, "closes_in_s": 0.0}),
    "never": (None, {"open": False, "age_s": None, "closes_in_s": 0.0}),
}


@pytest.mark.parametrize(("age_s", "shown"), WINDOWS.values(), ids=WINDOWS)
async def test_a_window_is_shown_with_its_clock(age_s: float | None, shown: Any) -> None:
    async with a_rig() as rig:
        await act(rig, "window", {"age_s": age_s})

        assert (await rig.client.get(f"/sandbox/customers/{ANA}/window")).json() == shown
        other = await rig.client.get(f"/sandbox/customers/{ANA}/window?number=nobody")
        assert other.status_code == 400


async def test_a_message_of_the_customer_opens_the_window_of_that_number_for_a_day() -> None:
    async with a_rig(enforce_window="answer") as rig:
        await rig.say({"text": "Hi", "number": "2"})
        await rig.settle()

        codes = [await fate(rig, text())]
        await rig.say({"text": "Hi"})
        await rig.settle()
        codes.append(await fate(rig, text()))
        rig.clock.advance(DAY_S)
        codes.append(await fate(rig, text()))

    assert codes == [[400, 131047], [200, None], [400, 131047]]


async def test_a_template_needs_no_window_and_a_reaction_does() -> None:
    async with a_rig(enforce_window="answer") as rig:
        assert await fate(rig, template()) == [200, None]
        reaction = message("reaction", {"message_id": "wamid.x", "emoji": "👍"})
        assert await fate(rig, reaction) == [400, 131047]


async def test_what_fails_is_on_no_phone() -> None:
    async with a_rig(enforce_window="status") as rig:
        await rig.send(text())

        assert await rig.events_of("message") == []


CONSENT: dict[str, tuple[str, Any, list[Any]]] = {
    "marketing, by default": ("status", template("sale"), [200, None, 131050]),
    "marketing, in the answer": ("answer", template("sale"), [400, 131050]),
    "marketing, not enforced": ("off", template("sale"), [200, None]),
    "utility": ("answer", template("receipt"), [200, None]),
    "service": ("answer", text(), [200, None]),
}


@pytest.mark.parametrize(("how", "body", "expected"), CONSENT.values(), ids=CONSENT)
async def test_whoever_stopped_marketing_gets_none(
    how: str, body: Any, expected: list[Any]
) -> None:
    async with a_rig(enforce_opt_out=how, templates={"sale": "marketing"}) as rig:
        await act(rig, "preferences", {"marketing": "stop"})
        await rig.settle()

        assert await fate(rig, body) == expected


async def test_marketing_that_was_resumed_is_delivered() -> None:
    async with a_rig(templates={"sale": "marketing"}) as rig:
        for value in ("stop", "resume"):
            await act(rig, "preferences", {"marketing": value})
        await rig.settle()

        assert await fate(rig, template("sale")) == [200, None]


async def test_the_business_is_told_that_a_customer_stopped_marketing() -> None:
    async with a_rig() as rig:
        await act(rig, "preferences", {"marketing": "stop", "number": "2"})
        (body,) = await rig.endpoint.wait_for(1)

    change = body["entry"][0]["changes"][0]
    assert change["field"] == "user_preferences"
    assert change["value"]["metadata"]["phone_number_id"] == "2"
    assert change["value"]["contacts"][0]["wa_id"] == ANA
    assert change["value"]["user_preferences"] == [
        {
            "wa_id": ANA, "detail": "User requested to stop marketing messages",
            "category": "marketing_messages", "value": "stop", "timestamp": 1_790_000_000,
        }
    ]  # fmt: skip


AUTHENTICATION: dict[str, tuple[Any, list[Any]]] = {
    "by user id": (template("otp") | BY_USER_ID, [400, 131062]),
    "by both": (template("otp") | {"recipient": "PT.1"}, [200, None]),
    "another template": (template("receipt") | BY_USER_ID, [200, None]),
}


@pytest.mark.parametrize(("body", "expected"), AUTHENTICATION.values(), ids=AUTHENTICATION)
async def test_authentication_goes_to_phone_numbers_only(body: Any, expected: list[Any]) -> None:
    async with a_rig() as rig:
        await rig.client.post("/sandbox/templates", json={"otp": "authentication"})

        assert await fate(rig, body) == expected


PRICES: dict[str, tuple[Any, tuple[str, bool]]] = {
    "free-form": (text(), ("service", False)),
    "marketing": (template("sale"), ("marketing", True)),
    "a template of no known category": (template("other"), ("utility", True)),
}


@pytest.mark.parametrize(("body", "price"), PRICES.values(), ids=PRICES)
async def test_the_price_stands_on_sent_and_delivered(body: Any, price: Any) -> None:
    async with a_rig(templates={"sale": "marketing"}) as rig:
        await rig.send(body)
        statuses = await rig.endpoint.statuses(3)

    told = [one.get("pricing") for one in statuses]
    assert told[0] == told[1]
    assert (told[0]["category"], told[0]["billable"], told[2]) == (*price, None)
    assert not any("conversation" in one for one in statuses)


WRONG: dict[str, tuple[str, Any]] = {
    "no age": ("window", {}),
    "age as text": ("window", {"age_s": "1"}),
    "age as flag": ("window", {"age_s": True}),
    "younger than now": ("window", {"age_s": -1}),
    "number unknown": ("window", {"age_s": 1, "number": "999"}),
    "no preference": ("preferences", {}),
    "another preference": ("preferences", {"marketing": "signup"}),
}


@pytest.mark.parametrize(("what", "wish"), WRONG.values(), ids=WRONG)
async def test_a_wish_that_makes_no_sense_is_answered_with_a_sentence(what: str, wish: Any) -> None:
    async with a_rig() as rig:
        answer = await act(rig, what, wish)

    assert (answer.status_code, answer.json()["error"][-1]) == (400, ".")
    assert rig.endpoint.requests == []


@pytest.mark.parametrize("wish", [{"otp": "secret"}, {"": "utility"}, {"otp": 1}])
async def test_a_category_that_is_none_is_answered_with_a_sentence(wish: Any) -> None:
    async with a_rig() as rig:
        answer = await rig.client.post("/sandbox/templates", json=wish)

    assert (answer.status_code, answer.json()["error"][-1]) == (400, ".")


@pytest.mark.parametrize(
    ("listed", "expected"), [([ANA], [200, None]), ([], [400, 131030]), (None, [200, None])]
)
async def test_a_test_number_writes_only_to_the_phones_on_its_list(
    listed: list[str] | None, expected: list[Any]
) -> None:
    async with a_rig(recipients=listed) as rig:
        assert await fate(rig, text()) == expected
