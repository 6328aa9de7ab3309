"""How often each app secret has matched, and when last, however many secrets there are."""

import pytest

from gateway.store import keys
from gateway.store.monitoring import secret_uses
from gateway.store.monitoring.secret_uses import UsedSecret, note_uses, read_uses
from gateway.store.redis.client import Store, StoreUnavailableError, connect_async
from tests.support.servers import Server
from tests.support.store.raw import now_ms, raw
from tests.support.web.web_app import nowhere

pytestmark = [pytest.mark.anyio, pytest.mark.store]

ONE, OTHER = UsedSecret("shop", "s0000aaaa"), UsedSecret("", "s0000bbbb")


async def note(server: Server, *uses: tuple[UsedSecret, int]) -> None:
    client = connect_async(server.url)
    for use in uses:
        await note_uses(client, dict([use]))
    await client.aclose()


async def test_uses_add_up_and_the_last_time_is_the_servers(server: Server, store: Store) -> None:
    await note(server, (ONE, 3), (OTHER, 1), (ONE, 2))

    uses = read_uses(store)
    assert {secret: use.times for secret, use in uses.items()} == {ONE: 5, OTHER: 1}
    assert all(0 <= now_ms(store) - use.last_ms < 60_000 for use in uses.values())


async def test_of_too_many_secrets_the_one_that_matched_longest_ago_is_forgotten(
    server: Server, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secret_uses, "MOST_SECRETS", 2)
    raw(store).hset(keys.SECRET_USES, "old/s1", "7|1000")

    await note(server, (ONE, 1), (OTHER, 1))

    assert {*read_uses(store)} == {ONE, OTHER}


async def test_a_store_that_is_away_is_told() -> None:
    client = connect_async(nowhere())

    with pytest.raises(StoreUnavailableError):
        await note_uses(client, {ONE: 1})
    await client.aclose()
