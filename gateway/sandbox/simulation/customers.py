"""Who the customers are to the business: by phone number, by user id or by both, and since when."""

from dataclasses import dataclass, field

from gateway.sandbox.wire import is_user_id, make_room

_NAMES_MAX = 200_000


@dataclass(slots=True)
class Person:
    """One customer; `key` stays the same whatever they are named by."""

    key: str
    phone: str = ""
    user_id: str = ""
    username: str = ""
    hides_phone: bool = False  # Webhooks leave the phone number out.
    wrote_at: dict[str, float] = field(default_factory=dict)  # By id of our number.
    stopped: set[str] = field(default_factory=set)  # Numbers that may not send marketing.

    @property
    def shown_phone(self) -> str:
        """Give the phone number, if webhooks tell it."""
        return "" if self.hides_phone else self.phone


class Customers:
    """All customers of whom more is known than a name; the oldest names make room."""

    def __init__(self) -> None:
        """Start with nobody."""
        self._by_name: dict[str, Person] = {}

    def of(self, name: str) -> Person:
        """Give the customer of a phone number or user id; a stranger is not remembered."""
        return self._by_name.get(name) or _stranger(name)

    def remembered(self, name: str) -> Person:
        """Give the customer of a phone number or user id, and remember them."""
        person = self.of(name)
        self._name(name, person)
        return person

    def rename(self, person: Person, *, phone: str = "", user_id: str = "") -> None:
        """Give a customer another phone number or user id; nobody is found by the old one."""
        for old, new in ((person.phone, phone), (person.user_id, user_id)):
            if new and old != new:
                self._by_name.pop(old, None)
        person.phone, person.user_id = phone or person.phone, user_id or person.user_id
        for name in filter(None, (person.phone, person.user_id)):
            self._name(name, person)

    def _name(self, name: str, person: Person) -> None:
        if name not in self._by_name:
            make_room(self._by_name, _NAMES_MAX)
        self._by_name[name] = person


def _stranger(name: str) -> Person:
    return Person(name, user_id=name) if is_user_id(name) else Person(name, phone=name)
