"""Contacts are imported whole, once, and beside what events change meanwhile."""

import io
from dataclasses import replace
from typing import Any

import pytest

from gateway.store.planning import contact_import
from gateway.store.planning.changed_contact import change_contact
from gateway.store.planning.commit import commit
from gateway.store.planning.contact_import import ImportOptions, ImportResult, import_contacts
from gateway.store.planning.contact_scan import iter_contacts, list_variables
from gateway.store.planning.contacts import find_contact
from gateway.store.redis.client import Store
from tests.support.factories import ANA, NUMBER
from tests.support.store.raw import raw
from tests.support.store.sends import PREFIX

pytestmark = pytest.mark.store


def import_text(store: Store, text: str, limit_bytes: int = 0, **options: Any) -> ImportResult:
    file = io.BytesIO(text.encode())
    return import_contacts(store, NUMBER, file, ImportOptions(**options), limit_bytes)


def counts(result: ImportResult) -> tuple[int, int, int, int]:
    return result.made, result.changed, result.unchanged, result.left_out


def people(count: int) -> str:
    return "phone,size\n" + "".join(f"+{351900000000 + i},{i}\n" for i in range(count))


def test_a_second_import_changes_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contact_import, "AT_ONCE", 3)

    first = import_text(store, people(7), tags=("spring",))
    again = import_text(store, people(7), tags=("spring",))
    more = import_text(store, people(8), tags=("spring", "vip"))

    assert [counts(one) for one in (first, again, more)] == [
        (7, 0, 0, 0), (0, 0, 7, 0), (1, 7, 0, 0)
    ]  # fmt: skip
    found = sorted(iter_contacts(store, NUMBER, "vip"), key=lambda one: one.key)
    assert [(one.wa_id, one.vars["size"]) for one in found][:2] == [
        ("351900000000", "0"), ("351900000001", "1")
    ]  # fmt: skip
    assert list_variables(store, NUMBER) == {"size"}


def test_an_import_leaves_room_for_deliveries_and_goes_on_when_it_is_repeated(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contact_import, "AT_ONCE", 3)
    tight = int(store.redis.info("memory")["used_memory"])

    with pytest.raises(contact_import.NoRoomError, match=r"70% of its memory limit.* after 3 rows"):
        import_text(store, people(7), limit_bytes=tight)

    assert len(list(iter_contacts(store, NUMBER))) == 3
    assert counts(import_text(store, people(3), limit_bytes=tight, tags=("vip",))) == (0, 3, 0, 0)
    assert counts(import_text(store, people(7))) == (4, 0, 3, 0)


def test_an_import_looks_again_how_much_room_is_left(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contact_import, "AT_ONCE", 1)
    monkeypatch.setattr(contact_import, "LOOK_EVERY", 3)
    looks: list[int] = []
    monkeypatch.setattr(contact_import, "_require_room", lambda *args: looks.append(args[-1]))

    import_text(store, people(8))

    assert looks == [1, 4, 7]


def test_a_file_that_cannot_be_read_changes_nothing(store: Store) -> None:
    result = import_text(store, people(500) + '"cut')

    assert "line 502" in result.error
    assert list(iter_contacts(store, NUMBER)) == []


@pytest.mark.parametrize(
    "content",
    [people(2).encode("utf-16"), people(2).replace("\n", "\r").encode()],
    ids=["utf-16", "ended by returns"],
)
def test_a_file_as_older_spreadsheets_write_it_is_imported(store: Store, content: bytes) -> None:
    result = import_contacts(store, NUMBER, io.BytesIO(content), ImportOptions())

    assert counts(result) == (2, 0, 0, 0)


def test_a_change_by_an_event_meanwhile_is_kept(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_text(store, f"phone,size\n+{ANA},38\n")
    done: list[int] = []

    def slow(*args: Any) -> Any:
        if not done:
            done.append(1)
            mute = lambda contact, now: replace(contact, muted_until=now)  # noqa: E731
            assert change_contact(store, NUMBER, ANA, mute)
        return commit(*args)

    monkeypatch.setattr(contact_import, "commit", slow)
    result = import_text(store, f"phone,size\n+{ANA},39\n")

    contact = find_contact(store, NUMBER, ANA)
    assert counts(result) == (0, 1, 0, 0)
    assert (contact.vars["size"], contact.muted_until is not None) == ("39", True)


def test_a_contact_that_cannot_be_read_is_left_out_and_stops_no_other(store: Store) -> None:
    import_text(store, people(2))
    raw(store).hset(f"{PREFIX}contact:351900000000", "state", b"{")

    result = import_text(store, people(3))

    assert counts(result) == (1, 0, 1, 1)
    assert result.problems == ((2, contact_import.UNREADABLE),)


def test_a_tag_is_given_and_taken(store: Store) -> None:
    import_text(store, people(2), tags=("vip",), tags_only=True)
    import_text(store, people(1), without_tags=("vip",), tags_only=True)

    assert [one.wa_id for one in iter_contacts(store, NUMBER, "vip")] == ["351900000001"]
    assert list_variables(store, NUMBER) == set()
