"""Each of Meta's codes leads where the table says, whatever HTTP status it comes with."""

import pytest

from gateway.core.codes import RULES, Kind, Scope, rule_of

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
    133015: ("number", 300),
    134101: ("send", 600),
    2494100: ("number", 60),
}
# fmt: off
PERMANENT = {
    0, 3, 10, 33, 100, 190, 368, 130403, 130472, 130497, 131005, 131008, 131009, 131021, 131026,
    131030, 131031, 131037, 131042, 131045, 131047, 131049, 131050, 131051, 131052, 131053, 131055,
    131062, 131063, 132000, 132001, 132005, 132007, 132008, 132012, 132015, 132016, 132018, 132068,
    133000, 133010, 134011, 134100, 135000, 137000,
}
# fmt: on


def test_the_table_holds_exactly_the_codes_that_are_known() -> None:
    assert set(RULES) == AGAIN | set(LATER) | PERMANENT


@pytest.mark.parametrize("status", [400, 429, 500])
@pytest.mark.parametrize("code", sorted(RULES))
def test_a_known_code_decides_whatever_the_status(code: int, status: int) -> None:
    rule = rule_of(code, status)

    again = rule.kind == "again" and (rule.scope, rule.wait_s) == ("send", None)
    later = rule.kind == "later" and (rule.scope, rule.wait_s) == LATER.get(code)
    permanent = rule.kind == "permanent"
    assert (again, later, permanent) == (code in AGAIN, code in LATER, code in PERMANENT)


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        (200, 403, "permanent"),
        (299, 500, "permanent"),
        (199, 500, "again"),
        (300, 503, "again"),
        (999999, 400, "permanent"),
        (999999, 302, "permanent"),
        (999999, 429, "later"),
        (999999, 500, "again"),
        (-1, 599, "again"),
    ],
)
def test_an_unknown_code_is_judged_by_its_status(code: int, status: int, kind: Kind) -> None:
    assert rule_of(code, status).kind == kind


@pytest.mark.parametrize("code", sorted(RULES))
def test_every_code_has_one_line_of_advice(code: int) -> None:
    advice = RULES[code].advice

    assert advice.endswith(".")
    assert len(advice) <= 80
    assert "\n" not in advice


def test_what_reaches_further_than_a_pair_says_for_how_long() -> None:
    wide = {"number", "account", "app"}

    waits = [rule.wait_s for rule in RULES.values() if rule.scope in wide]

    assert len(waits) == 11
    assert None not in waits
