"""A rulebook for tests of the store, and plans made with it from what the store says."""

from gateway.core.contacts.contact import Contact
from gateway.core.events import Event, Message
from gateway.core.messages import text
from gateway.core.planning.batch import Plan, plan
from gateway.core.planning.decision import Action, Decision, FiredRule
from gateway.store.planning.contacts import load
from gateway.store.redis.client import Store
from tests.support.factories import NUMBER


class Greeter:
    """Greets whoever writes for the first time, and says "again" from then on."""

    version = "v1"

    def decide(self, event: Event, contact: Contact, now: object) -> Decision:
        if not isinstance(event, Message):
            return Decision()
        said = "welcome" if contact.is_new else "again"
        return Decision((FiredRule(said, "always", (Action("send_text", text(said)),)),))


def planned(store: Store, *events: Event) -> list[Plan]:
    """Load what is known of events and plan what is new."""
    (view,) = load(store, {NUMBER: events})
    return list(plan(view, events, Greeter()).plans)
