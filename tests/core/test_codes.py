"""Each of Meta's codes leads where the table says, whatever HTTP status it comes with."""

import pytest

from gateway.core.sending.error_codes import ERROR_POLICIES, Kind, Scope, error_policy

AGAIN = {1, 2, 131000, 131016, 133004, 134102}
LATER: dict[int, tuple[Scope, float | None]] = {
    4: ("app", 60),
    17: ("app", 60),
    32: ("app", 60),
    613: ("app", 60),
    80007: ("account", 60),
    80008: ("account", 60),
    130429: ("number", 1),
    131048: ("number", 3600),
    131056: ("pair", None),
    131057: ("number", 60),
    131064: ("send", 3600),
    132069: ("send", 3600),
    133008: ("number", 3600),
    133009: ("number", 60),
    133015: ("number", 300),
    134101: ("send", 600),
    2494100: ("number", 60),
}
PAUSE: dict[int, Scope] = {
    0: "account",
    3: "account",
    10: "account",
    33: "number",
    190: "account",
    368: "account",
    131005: "account",
    131031: "account",
    131037: "number",
    131042: "account",
    131044: "account",
    131045: "number",
    133000: "number",
    133010: "number",
}
# fmt: off
NEVER = {
    100, 130403, 130472, 130497, 131008, 131009, 131021, 131026, 131030, 131049, 131051, 131052,
    131053, 131055, 131060, 131062, 131063, 132000, 132001, 132005, 132007, 132008, 132012,
    132018, 132068, 133005, 133006, 133016, 134011, 134100, 135000, 137000,
}
TEMPLATE = {132015, 132016}
ALERT = {
    *PAUSE, 130497, 131048, 131063, 131064, 132001, 132007, 132015, 132016, 132068, 132069, 133005,
    133006, 133008, 133009, 133016, 134011,
}
# fmt: on


def expected(code: int) -> tuple[Kind, Scope, float | None]:
    if code in AGAIN:
        return "again", "send", None
    if code in LATER:
        return "later", *LATER[code]
    if code in PAUSE:
        return "pause", PAUSE[code], None
    special: dict[int, Kind] = {131047: "window", 131050: "opted_out"}
    special |= dict.fromkeys(TEMPLATE, "template")
    return special.get(code, "never"), "send", None


def test_the_table_holds_exactly_the_codes_that_are_known() -> None:
    assert set(ERROR_POLICIES) == AGAIN | set(LATER) | set(PAUSE) | NEVER | TEMPLATE | {
        131047,
        131050,
    }


@pytest.mark.parametrize("status", [400, 429, 500])
@pytest.mark.parametrize("code", sorted(ERROR_POLICIES))
def test_a_known_code_decides_whatever_the_status(code: int, status: int) -> None:
    rule = error_policy(code, status)

    assert (rule.kind, rule.scope, rule.wait_s) == expected(code)
    assert rule.alert == (code in ALERT)


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        (200, 403, "pause"),
        (299, 500, "pause"),
        (199, 500, "again"),
        (300, 503, "again"),
        (138001, 500, "never"),
        (139002, 500, "never"),
        (999999, 400, "never"),
        (999999, 302, "never"),
        (999999, 429, "later"),
        (999999, 500, "again"),
        (-1, 599, "again"),
    ],
)
def test_an_unknown_code_is_judged_by_its_status(code: int, status: int, kind: Kind) -> None:
    assert error_policy(code, status).kind == kind


@pytest.mark.parametrize("code", sorted(ERROR_POLICIES))
def test_every_code_has_one_line_of_advice(code: int) -> None:
    advice = ERROR_POLICIES[code].advice

    assert advice.endswith(".")
    assert len(advice) <= 80
    assert "\n" not in advice


def test_what_reaches_further_than_a_pair_says_for_how_long() -> None:
    wide = {"number", "account", "app"}

    waits = [r.wait_s for r in ERROR_POLICIES.values() if r.kind == "later" and r.scope in wide]

    assert len(waits) == 13
    assert None not in waits
