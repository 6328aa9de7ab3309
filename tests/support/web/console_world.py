"""What the console shows in tests: messages that came in and were answered, without workers."""

from gateway.core.contacts.contact import Contact
from gateway.core.events import Event, Message
from gateway.core.planning.batch import plan
from gateway.core.planning.decision import Decision, RuleDecider
from gateway.core.planning.event import record_id
from gateway.core.webhook.parser import split
from gateway.store import number_list
from gateway.store.body_codec import Bodies
from gateway.store.inbox.partitions import partition_of
from gateway.store.inbox.record import read_delivery
from gateway.store.planning.commit import commit
from gateway.store.planning.contacts import load
from gateway.store.redis.client import Store
from tests.support.factories import ANA, NUMBER, delivery_body, message_item
from tests.support.store.inbox_state import keep
from tests.support.store.plans import Greeter
from tests.support.store.sends import WEEK

# What people write who mean no good, or only much.
HOSTILE = (
    "<script>document.title='stolen'</script><img src=x onerror=alert(1)>"
    "\N{RIGHT-TO-LEFT OVERRIDE}\u05d0\u05d1 gpj.exe {{ 7*7 }} ' onmouseover=alert(1) x='"
)
MANY_EMOJI = "\N{GRINNING FACE}" * 4_096


class Silent:
    """Answers nothing."""

    version = "v1"

    def decide(self, event: Event, contact: Contact, now: object) -> Decision:
        return Decision(note="no rule")


def receive(
    store: Store,
    wamid: str,
    text: str = "hi",
    sender: str = ANA,
    rules: RuleDecider | None = None,
) -> str:
    """Keep, plan and commit a customer's message; return the id of its event."""
    number_list.add_number(store, NUMBER)
    body = delivery_body(message_item(wamid, text, sender))
    (delivery,) = keep(store, partition_of(body), body.decode())
    opened = read_delivery(delivery, b"meta|0|", Bodies().pack(body), Bodies())
    (event,) = split(opened)
    assert isinstance(event, Message)
    (view,) = load(store, {NUMBER: [event]})
    assert commit(store, list(plan(view, [event], rules or Greeter()).plans), WEEK) == [True]
    return record_id(event)
