"""The contact of a customer at each number: found under all names, and erased last.

May raise StoreUnavailableError or ScriptError.
"""

import secrets
from collections.abc import Collection, Iterable, Sequence

from gateway.core.contacts.contact import MOST_ALIASES, Contact
from gateway.core.contacts.erasure import StagePage
from gateway.core.storage.timestamps import ms_from_datetime
from gateway.core.webhook.phone_numbers import contact_key
from gateway.store import keys
from gateway.store.erasure.search import NUMBERS_AT_ONCE, PersonSearch
from gateway.store.planning.contacts import parse_contacts
from gateway.store.redis.client import Call, ScriptError, Store
from gateway.store.redis.key_scan import scan_keys
from gateway.store.sending.lookup import read_each

MOST_TRIES = 5
_CONTACTS = f"{keys.SPACE}{{n*}}:contact:*"
_CHANGED, _WAITS = 0, -1
# A version that no contact has: the script finishes what an earlier one left, and refuses the rest.
_NO_VERSION = "-"


def find_names(store: Store, numbers: Sequence[str], name: str) -> frozenset[str]:
    """Return all names of a customer that the contacts of these numbers list."""
    names, new = frozenset[str](), frozenset({name})
    while new:
        names |= new
        new = frozenset(each for one in _iter_contacts(store, numbers, new) for each in one) - names
    return names


def find_older_names(search: PersonSearch, position: str) -> StagePage:
    """Find names that led to a contact before those that it lists, which are bounded."""
    if not position and not _may_have_more(search):
        return StagePage()
    page = scan_keys(search.store, _CONTACTS, position)
    aliases = read_each(search.store, [("HGET", key, "alias") for key in page.names])
    older = {
        key.partition(b"}:contact:")[2].decode()
        for key, alias in zip(page.names, aliases, strict=True)
        if alias and alias.decode() in search.person.names
    }
    return StagePage(page.position, names=frozenset(older))


def finish_commits(search: PersonSearch, position: str) -> StagePage:
    """Finish commits of the contact that a script left half-done: what they wrote is found then."""
    numbers, following = search.number_page(position)
    calls = [
        Call("commit", keys.number(number), [name, _NO_VERSION, _NO_VERSION, "{}"])
        for number in numbers
        for name in sorted(search.person.names)
    ]
    for reply in search.store.call_many(calls):
        if isinstance(reply, Exception):
            raise reply
    return StagePage(following)


def erase_contacts(search: PersonSearch, position: str) -> StagePage:
    """Erase the contact of each number; an opt-out is kept, as a digest of its names."""
    numbers, following = search.number_page(position)
    results = [_erase(search, number) for number in numbers]
    erased = sum(results.count(count) * count for count in {*results} if count > 0)
    return StagePage(following, {"contacts": erased}, messages=results.count(_WAITS))


def _erase(search: PersonSearch, number: str) -> int:
    """Erase the contact of a number; return how many there were, -1 where a send waits still."""
    names = sorted(search.person.names)
    for _ in range(MOST_TRIES):
        contacts = _load(search.store, [number], names)[0]
        opt_outs = [ms_from_datetime(at) for one in contacts if (at := one.opted_out_at)]
        args = [max(opt_outs, default=""), secrets.token_hex(16), len(contacts)]
        for one in contacts:
            args += [one.key, one.version]
        reply = int(search.store.call("erase_contact", keys.number(number), *args, *names))
        if reply != _CHANGED:
            return reply if reply == _WAITS else sum(bool(one.version) for one in contacts)
    raise ScriptError("the contact changes all the time")


def _load(store: Store, numbers: Sequence[str], names: Collection[str]) -> list[list[Contact]]:
    """Return the contacts of each number that these names lead to, each once."""
    asked = sorted(names)
    calls = [Call("load", keys.number(number), [len(asked), *asked]) for number in numbers]
    return [_parse_loaded(asked, reply) for reply in store.call_many(calls)]


def _parse_loaded(names: list[str], reply: object) -> list[Contact]:
    """Return contacts; of one that cannot be read only the key and the version."""
    if isinstance(reply, Exception):
        raise reply
    assert isinstance(reply, list)  # noqa: S101 - narrows the type
    parsed, _ = parse_contacts(names, reply[1])
    known = {one.key: one for one in parsed.values()}
    for key, version in zip(reply[1][::3], reply[1][1::3], strict=True):
        text = version.decode() if isinstance(version, bytes) else ""
        known.setdefault(key.decode(), Contact(key.decode(), version=text))
    return list(known.values())


def _iter_contacts(
    store: Store, numbers: Sequence[str], names: Collection[str]
) -> Iterable[frozenset[str]]:
    """Yield the names that each contact lists."""
    for start in range(0, len(numbers), NUMBERS_AT_ONCE):
        for contacts in _load(store, numbers[start : start + NUMBERS_AT_ONCE], names):
            for one in contacts:
                others = (contact_key(one.wa_id), one.user_id)
                yield frozenset({one.key, *one.aliases, *others}) - {""}


def _may_have_more(search: PersonSearch) -> bool:
    """Say whether a contact lists as many names as it can."""
    numbers, names = search.numbers(), search.person.names
    return any(
        len(one.aliases) >= MOST_ALIASES
        for start in range(0, len(numbers), NUMBERS_AT_ONCE)
        for contacts in _load(search.store, numbers[start : start + NUMBERS_AT_ONCE], names)
        for one in contacts
    )
