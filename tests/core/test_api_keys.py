"""Keys of the API: what each may do, and how it is found by its hash."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from gateway.core.api.keys import (
    SCOPES,
    ApiKey,
    bind_accounts,
    environment_key,
    find_key,
    hash_key,
    pack_key,
    unpack_key,
)

NOW = datetime(2026, 11, 30, tzinfo=UTC)
KEY = ApiKey("k1", hash_key("a secret text"), frozenset({"read"}), "shop", ("123",), (), 7, NOW)


def test_a_key_is_found_by_its_text_among_others() -> None:
    others = [ApiKey(f"o{i}", hash_key(f"other {i}")) for i in range(3)]

    assert find_key([*others, KEY, *others], hash_key("a secret text")) == KEY
    assert find_key(others, hash_key("a secret text")) is None


def test_a_key_comes_back_as_it_was_stored() -> None:
    key = replace(KEY, expires_at=NOW + timedelta(days=30))

    assert unpack_key("k1", pack_key(key)) == key
    assert b"a secret text" not in pack_key(key)


@pytest.mark.parametrize("given", ["a secret text", "sha256:" + hash_key("a secret text").upper()])
def test_a_key_of_the_environment_has_all_scopes(given: str) -> None:
    key = environment_key(given)

    assert find_key([key], hash_key("a secret text")) == key
    assert all(key.may(scope) for scope in SCOPES)
    assert key.may_use("any number")


def test_a_key_may_do_what_its_scopes_and_numbers_say() -> None:
    assert KEY.may("read")
    assert not KEY.may("send")
    assert KEY.may_use("123")
    assert not KEY.may_use("124")


def test_a_key_that_is_bound_to_an_account_may_use_the_numbers_that_it_has_now() -> None:
    stored = unpack_key("k1", pack_key(replace(KEY, numbers=(), accounts=("shop",))))

    assert not stored.may_use("123")
    assert bind_accounts(stored, {"shop": ["456"]}.__getitem__).may_use("456")
    assert not bind_accounts(stored, {"shop": ["456"]}.__getitem__).may_use("123")


def test_a_release_that_knows_no_accounts_finds_a_bound_key_of_no_use() -> None:
    row = orjson.loads(pack_key(replace(KEY, numbers=(), accounts=("shop",))))
    earlier = unpack_key("k1", orjson.dumps({**row, "accounts": []}))
    as_stored = replace(earlier, numbers=tuple(row["numbers"]))

    assert not as_stored.may_use("123")


def test_a_key_expires_at_its_moment() -> None:
    key = replace(KEY, expires_at=NOW)

    assert key.is_expired(NOW)
    assert not key.is_expired(NOW - timedelta(seconds=1))
    assert not KEY.is_expired(NOW)


def test_a_key_is_not_shown_with_its_hash() -> None:
    assert KEY.digest not in repr(KEY)
