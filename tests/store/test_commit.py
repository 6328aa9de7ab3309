"""A commit is whole or not at all, and what fails half-way is healed by running it again."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from redis.exceptions import ResponseError

from gateway.core.contacts import Contact
from gateway.core.decisions import Action, Decision, Fired
from gateway.core.events import Event, Message
from gateway.core.messages import text
from gateway.core.plan import Plan, plan
from gateway.store import keys
from gateway.store.client import ScriptError, Store, source
from gateway.store.commit import call, commit
from gateway.store.contacts import load
from gateway.core.outcome import Outcome
from gateway.store.lanes import Lanes
from tests.made import ANA, NUMBER, a_message, a_status

pytestmark = pytest.mark.store
WEEK = timedelta(days=7)
PREFIX = keys.number(NUMBER)


class Greeter:
    """Greets whoever writes for the first time, and echoes from then on."""

    version = "v1"

    def decide(self, event: Message, contact: Contact, now: object) -> Decision:
        said = "welcome" if contact.is_new else "again"
        return Decision((Fired(said, "always", (Action("send_text", text(said)),)),))


def planned(store: Store, *events: Event) -> list[Plan]:
    (view,) = load(store, {NUMBER: events})
    return list(plan(view, events, Greeter()).plans)


def everything(store: Store) -> dict[bytes, object]:
    """Return all that is stored, without what differs from one commit to the next by design."""
    found: dict[bytes, object] = {}
    for key in store.redis.keys("*"):
        if key.endswith(b"}:count") or re.search(rb"known:\d+$", key):
            continue  # What is counted may miss one when a script breaks; what is stored may not.
        kind = store.redis.type(key)
        if kind == b"hash":
            fields = store.redis.hgetall(key)
            ignored = (b"version", b"planned", b"first", b"attempting_at", b"expires")
            # What is left to redo may stay: doing it again changes nothing.
            ignored += (b"redo",)
            found[key] = {k: v for k, v in fields.items() if k not in ignored}
        elif kind == b"zset":
            found[key] = store.redis.zrange(key, 0, -1)
        elif kind == b"list":
            found[key] = store.redis.lrange(key, 0, -1)
        else:
            found[key] = b"" if key.endswith(b"places") else store.redis.get(key)
    return found


def test_commit_makes_events_known_with_their_effect(store: Store) -> None:
    assert commit(store, planned(store, a_message()), WEEK) == [True]

    (view,) = load(store, {NUMBER: [a_message()]})
    assert view.known == {a_message().key}
    assert view.contacts[ANA].name == "Ana"
    assert [a.body["text"] for a in Lanes(store, NUMBER, 80).pump([], 9).attempts] == [
        {"body": "welcome"}
    ]


def test_commit_refuses_a_contact_that_changed_meanwhile(store: Store) -> None:
    stale = planned(store, a_message("wamid.2"))
    commit(store, planned(store, a_message("wamid.1")), WEEK)

    assert commit(store, stale, WEEK) == [False]
    assert commit(store, planned(store, a_message("wamid.2")), WEEK) == [True]


def test_commit_refuses_an_event_that_is_known_by_now(store: Store) -> None:
    plans = planned(store, a_status("wamid.out", "sent"))
    commit(store, plans, WEEK)

    assert commit(store, plans, WEEK) == [False]


def test_a_regrouped_redelivery_changes_nothing_but_the_new_event(store: Store) -> None:
    commit(store, planned(store, a_message("wamid.1")), WEEK)
    before = Lanes(store, NUMBER, 80).pump([], 9).attempts

    plans = planned(store, a_message("wamid.1"), a_message("wamid.2"))
    commit(store, plans, WEEK)

    assert [event.key for event in plans[0].events] == [f"message|{NUMBER}|wamid.2"]
    Lanes(store, NUMBER, 80).pump([Outcome(before[0].send, 1, "accepted", "wamid.out")], 0)
    after = Lanes(store, NUMBER, 80).pump([], 9).attempts
    assert [a.body["text"]["body"] for a in after] == ["again"]


def failing(script: str, at: int) -> str:
    """Return a script whose write number `at` raises, as a bug or a wrong type would."""
    return f"""
local writes, real = 0, redis.call
local reading = {{TIME=1, HGET=1, HMGET=1, HEXISTS=1, EXISTS=1, GET=1, ZRANGE=1, LINDEX=1, HLEN=1}}
local redis = setmetatable({{call = function(name, ...)
  if not reading[name] then
    writes = writes + 1
    if writes == {at} then error('made to fail') end
  end
  return real(name, ...)
end}}, {{__index = redis}})
{source(script)}"""


def fails(store: Store, script: str, at: int, args: list[object]) -> bool:
    try:
        store.redis.eval(failing(script, at), 1, PREFIX, *args)
    except ResponseError as error:
        return "made to fail" in str(error)
    return False


def every_write(store: Store, plans: list[Plan]) -> Iterator[int]:
    """Yield how many writes a commit has, each time from the same beginning."""
    dump = {key: store.redis.dump(key) for key in store.redis.keys("*")}
    at = 0
    while True:
        at += 1
        store.redis.flushall()
        for key, value in dump.items():
            store.redis.restore(key, 0, value)
        if not fails(store, "commit", at, list(call(plans[0], WEEK).args)):
            assert at > 10
            return
        yield at


def test_each_write_of_a_commit_may_fail_and_running_it_again_heals(store: Store) -> None:
    commit(store, planned(store, a_message("wamid.0")), WEEK)
    (sent,) = Lanes(store, NUMBER, 80).pump([], 9).attempts
    news = a_status("wamid.out", "delivered", f"{sent.send}.1")
    events = [a_message("wamid.1"), news, a_message("wamid.2")]
    plans = planned(store, *events)
    dump = {key: store.redis.dump(key) for key in store.redis.keys("*")}
    assert commit(store, plans, WEEK) == [True]
    wanted = everything(store)
    store.redis.flushall()
    for key, value in dump.items():
        store.redis.restore(key, 0, value)

    for at in every_write(store, plans):
        # Another process comes: it loads, plans and commits, until there is nothing left to do.
        for _ in range(3):
            commit(store, planned(store, *events), WEEK)
        assert not planned(store, *events), at
        assert everything(store) == wanted, at


def test_a_script_that_is_wrong_is_an_error_of_its_own_kind(store: Store) -> None:
    with pytest.raises(ScriptError, match="lacks arguments"):
        store.call("commit", PREFIX, "", "", "", "", "know", 5, "x")


def test_a_restarted_server_that_forgot_the_scripts_is_no_obstacle(store: Store) -> None:
    store.redis.script_flush()

    assert commit(store, planned(store, a_message()), WEEK) == [True]
