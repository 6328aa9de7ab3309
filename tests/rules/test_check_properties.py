"""Whatever a rules file holds, it is either told what is wrong with it, or it can be used."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.contacts.contact import Contact
from gateway.rules.checks.lint import lint_warnings
from gateway.rules.checks.references import reference_errors
from gateway.rules.checks.rulefile_check import check
from gateway.rules.language.actions import SENDS
from gateway.rules.loader import assemble_rulebook
from gateway.rules.reference import tables
from tests.support.factories import ANA, NOW, a_message

KEYS = sorted({key.strip("`") for rows in tables().values() for key, _ in rows})
WORDS = [
    "yes", "no", "1", "30m", "1d", "any", "ad", "open", "status", "message", "failed", "image",
    "document", "drop", "wait", "now",
    "131047", "3 per 1d", "Europe/Lisbon", "09:00-18:00", "22:00-02:00", "2026-12-25",
    "https://a.b",
    "{{ name }}", "{{ hours.a.opens | when }}", "{{ vars.a | upper }}", "{{", "{% x %}", "x" * 30,
    "(?P<a>x)", "(", "👍", "en", "", " ", "a", "mark_read", "opt_out", "unmute",
]  # fmt: skip

SCALARS = st.sampled_from(WORDS)
# A list may stand nearly everywhere, and what is below the keys is whatever comes.
TREES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*KEYS, "a", "mon", "sat-sun"]), inner, max_size=4)
    ),
    max_leaves=8,
)
CONDITIONS = st.dictionaries(
    st.sampled_from([key.strip("`") for key, _ in tables()["when"]]), TREES, max_size=3
)
VERBS = ["react", *SENDS]
STEPS = SCALARS | st.dictionaries(
    st.sampled_from([*VERBS, "tag", "untag", "set", "unset", "mute", "alert"]), TREES, min_size=1
)
RULES = st.fixed_dictionaries(
    {"name": SCALARS, "then": STEPS | st.lists(STEPS, max_size=3)},
    optional={
        "when": CONDITIONS | st.lists(CONDITIONS, max_size=2),
        "cooldown": SCALARS,
        "at_most": SCALARS,
        "stop": SCALARS,
        "shadow": SCALARS,
    },
)
FILES = st.fixed_dictionaries(
    {"version": st.just("1"), "rules": st.lists(RULES, max_size=3)},
    optional={
        "defaults": st.dictionaries(st.sampled_from(["max_age", "window_closed"]), TREES),
        "hours": TREES | st.dictionaries(st.just("a"), TREES),
        "templates": TREES,
    },
)


@settings(deadline=None)
@given(FILES | TREES)
def test_file_is_told_what_is_wrong_or_can_be_used(written: Any) -> None:
    # JSON is YAML, and what stands in quotes is a text as well.
    checked = check("rules.yaml", json.dumps(written, ensure_ascii=False))
    wrong = [*checked.problems, *reference_errors([checked])]

    assert all(str(problem) for problem in [*wrong, *lint_warnings([checked])])
    if wrong:
        return
    assert checked.book is not None
    rulebook = assemble_rulebook([checked.book])
    for text in ("x", "a"):
        rulebook.decide(a_message(text=text), Contact(ANA, wa_id=ANA), NOW)
