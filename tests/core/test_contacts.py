"""A contact is folded from the messages it sent, whatever order their clocks tell."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.contacts.contact import Contact, fits
from gateway.core.events import Message

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def a_message(at: datetime, name: str = "Ana") -> Message:
    return Message(
        key="message|1|w1", delivery="0:1-0", item=0, number="1", contact="351900000001", at=at,
        raw={}, id="w1", type="text", text="hi", wa_id="351900000001", name=name,
    )  # fmt: skip


def test_contact_is_new_until_the_first_message() -> None:
    contact = Contact("351900000001")

    after = contact.with_message(a_message(NOW))

    assert contact.is_new
    assert not after.is_new
    assert (after.wa_id, after.name, after.last_inbound_at) == ("351900000001", "Ana", NOW)


def test_an_older_message_does_not_turn_back_the_last_inbound_moment() -> None:
    contact = Contact("351900000001").with_message(a_message(NOW))

    after = contact.with_message(a_message(NOW - timedelta(hours=1), name=""))

    assert after.last_inbound_at == NOW
    assert after.name == "Ana"


def test_an_older_message_does_not_turn_back_a_name_but_tells_what_was_missing() -> None:
    contact = Contact("1", wa_id="351900000009", named_at=NOW)

    after = contact.with_message(a_message(NOW - timedelta(seconds=1)))

    assert (after.wa_id, after.name, after.named_at) == ("351900000009", "Ana", NOW)


@pytest.mark.parametrize("others", [{"type": "system"}, {"group": "G1"}], ids=["system", "group"])
def test_what_is_no_message_of_theirs_to_this_number_opens_no_window(others: Any) -> None:
    after = Contact("351900000001").with_message(replace(a_message(NOW), **others))

    assert (after.is_new, after.wa_id) == (True, "351900000001")


OUT, IN = True, False


@pytest.mark.parametrize(
    ("words", "since"),
    [
        pytest.param([(OUT, 1)], 1, id="out"),
        pytest.param([(OUT, 1), (OUT, 5)], 1, id="out since the first word"),
        pytest.param([(OUT, 1), (IN, 2)], None, id="in again"),
        pytest.param([(IN, 2), (OUT, 1)], None, id="a late stop"),
        pytest.param([(OUT, 2), (IN, 1)], 2, id="a late resume"),
        pytest.param([(OUT, 1), (IN, 3), (OUT, 2)], None, id="a late stop between"),
        pytest.param([(OUT, 1), (OUT, 3), (IN, 2)], 1, id="a late resume between"),
        pytest.param([(IN, 1), (OUT, 1)], 1, id="in the same second the last to come"),
        pytest.param([(IN, 1), (IN, 1)], None, id="never out"),
    ],
)
def test_of_all_words_about_marketing_the_latest_counts(
    words: list[tuple[bool, int]], since: int | None
) -> None:
    contact = Contact("351900000001")
    for out, second in words:
        contact = contact.with_consent(opts_out=out, at=NOW + timedelta(seconds=second))

    wanted = None if since is None else NOW + timedelta(seconds=since)
    assert contact.opted_out_at == wanted


def test_a_late_word_leaves_the_contact_itself() -> None:
    contact = Contact("351900000001").with_consent(opts_out=False, at=NOW)

    assert contact.with_consent(opts_out=True, at=NOW - timedelta(seconds=1)) is contact


LATER = NOW + timedelta(hours=1)
BY_PHONE = Contact(
    "351900000001", wa_id="351900000001", name="Ana", last_inbound_at=NOW, named_at=NOW, version="a"
)
BY_USER_ID = Contact(
    "PT.1", user_id="PT.1", name="Ana B", last_inbound_at=LATER, named_at=LATER, version="b"
)


def test_two_contacts_become_one_as_if_known_always() -> None:
    assert BY_PHONE.merged_with(BY_USER_ID) == replace(
        BY_PHONE,
        user_id="PT.1",
        name="Ana B",
        last_inbound_at=LATER,
        named_at=LATER,
        aliases=("PT.1",),
    )


def test_joining_with_a_stranger_adds_a_name_and_nothing_else() -> None:
    assert BY_PHONE.merged_with(Contact("PT.2")) == replace(BY_PHONE, aliases=("PT.2",))


def test_the_names_of_both_are_remembered_up_to_a_bound() -> None:
    many = replace(BY_USER_ID, aliases=tuple(f"PT.{i}" for i in range(20, 40)))

    aliases = replace(BY_PHONE, aliases=("PT.9",)).merged_with(many).aliases

    assert aliases[-2:] == ("PT.9", "PT.1")
    assert len(aliases) == 16


def opted(contact: Contact, *, out: bool, minute: int) -> Contact:
    return contact.with_consent(opts_out=out, at=NOW + timedelta(minutes=minute))


@pytest.mark.parametrize(
    ("one", "other", "is_out"),
    [
        pytest.param((OUT, 1), None, True, id="out by the one name"),
        pytest.param(None, (OUT, 1), True, id="out by the other"),
        pytest.param((OUT, 1), (IN, 2), False, id="in since"),
        pytest.param((IN, 2), (OUT, 1), False, id="in since, by the first"),
        pytest.param((IN, 1), (OUT, 2), True, id="out since"),
        pytest.param((IN, 1), (OUT, 1), True, id="in the same second out"),
        pytest.param((OUT, 1), (IN, 1), True, id="in the same second out, by the first"),
        pytest.param(None, None, False, id="no word"),
    ],
)
def test_of_two_contacts_the_latest_word_counts(
    one: tuple[bool, int] | None, other: tuple[bool, int] | None, is_out: bool
) -> None:
    by_phone = opted(BY_PHONE, out=one[0], minute=one[1]) if one else BY_PHONE
    by_id = opted(BY_USER_ID, out=other[0], minute=other[1]) if other else BY_USER_ID

    assert (by_phone.merged_with(by_id).opted_out_at is not None) == is_out


def test_an_event_fills_only_names_that_are_missing() -> None:
    event = replace(a_message(NOW), wa_id="351900000009", user_id="PT.1")

    filled = BY_PHONE.with_names(event)

    assert filled == replace(BY_PHONE, user_id="PT.1")


def test_a_contact_that_turns_out_to_be_two_keeps_what_rules_noted_of_both() -> None:
    by_phone = replace(BY_PHONE, tags=("a", "b"), vars={"x": "old", "y": "1"}, muted_until=LATER)
    by_id = replace(BY_USER_ID, tags=("b", "c"), vars={"x": "new"}, muted_until=NOW)

    joined = by_phone.merged_with(by_id)

    assert joined.tags == ("a", "b", "c")
    assert joined.vars == {"x": "new", "y": "1"}  # what is known by the later name counts
    assert joined.muted_until == LATER


SMALL = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(["x", "y" * 3_000]), max_size=3)
NOTED = st.builds(
    lambda key, tags, kept, hours: replace(
        Contact(key), tags=tuple(sorted(tags)), vars=kept, named_at=NOW + timedelta(hours=hours)
    ),
    st.sampled_from(["1", "PT.1"]),
    st.sets(st.sampled_from(["vip", "new", "z" * 1_500])),
    SMALL.filter(lambda kept: fits(("vip", "new", "z" * 1_500), kept)),
    st.integers(0, 5),
)


@given(NOTED, NOTED)
def test_whatever_is_joined_stays_within_the_bound_and_loses_nothing_of_the_newer(
    one: Contact, other: Contact
) -> None:
    joined = one.merged_with(other)

    newer = other if (other.named_at or NOW) > (one.named_at or NOW) else one
    assert fits(joined.tags, joined.vars)
    assert set(newer.tags) <= set(joined.tags)
    assert newer.vars.items() <= joined.vars.items()
    assert joined.merged_with(other).tags == joined.tags


def test_what_is_noted_of_a_contact_is_not_shown_with_it() -> None:
    noted = Contact("k", tags=("from a text",), vars={"said": "from a text"})

    assert "from a text" not in repr(noted)
