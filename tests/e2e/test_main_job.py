"""Signed webhooks lead to exactly the replies that the rules ask for, through real processes."""

import random
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.support.factories import delivery_body, message_item, status_item
from tests.support.servers import Server, wait_until
from tests.support.stack import Stack

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("stack")
    server = Server(folder / "valkey").start()
    made = Stack(folder, server).start()
    yield made
    made.stop()
    server.kill()


@pytest.fixture(autouse=True)
def _fresh_log(stack: Stack) -> None:
    stack.client.delete(f"{stack.meta_url}/sandbox/log")


def done(stack: Stack, replies: int) -> None:
    wait_until(lambda: len(stack.posted()) >= replies, f"{replies} replies are posted")
    wait_until(stack.idle, "nothing waits")


def test_one_message_leads_to_exactly_one_reply(stack: Stack) -> None:
    body = delivery_body(message_item("wamid.one", "which COLOR?"))

    assert [stack.post(body).status_code for _ in range(3)] == [200, 200, 200]

    done(stack, 1)
    (reply,) = stack.posted()
    assert reply["to"].lstrip("+") == "351900000001"
    assert reply["body"]["text"]["body"] == "Yes: red, green and blue."


def test_what_no_rule_answers_is_kept_and_known_and_answered_with_nothing(stack: Stack) -> None:
    before = stack.metrics()

    stack.post(delivery_body(message_item("wamid.none", "good morning")))
    stack.post(b"signed, and no JSON")
    stack.post(b'{"object": "from_the_future", "entry": 7}')

    def counted(kind: str) -> float:
        name = f'gateway_events_total{{kind="{kind}"}}'
        return stack.metrics().get(name, 0) - before.get(name, 0)

    wait_until(lambda: counted("unreadable") == 1, "bytes that are no JSON are an event")
    wait_until(lambda: counted("notice") == 1, "an unknown object is an event")
    wait_until(stack.idle, "nothing waits")
    assert stack.posted() == []


def test_a_thousand_deliveries_with_duplicates_and_batches_lead_to_the_replies_asked_for(
    stack: Stack,
) -> None:
    chance = random.Random(7)
    bodies, wanted = [], Counter[str]()
    for i in range(800):
        items = []
        for j in range(100 if i % 100 == 0 else 1):
            sender = f"3519{(i * 7 + j) % 977:08d}"
            asks = chance.random() < 0.5
            items.append(message_item(f"wamid.k{i}.{j}", "color?" if asks else "hi", sender))
            wanted[sender] += asks
        bodies.append(delivery_body(*items))
    bodies += chance.sample(bodies, 200)
    chance.shuffle(bodies)

    assert set(stack.post_all(bodies)) == {200}

    done(stack, wanted.total())
    got = Counter(one["to"].lstrip("+") for one in stack.posted())
    assert got == +wanted
    callbacks = [one["callback"] for one in stack.posted()]
    assert len(set(callbacks)) == len(callbacks)


def test_statuses_of_the_replies_come_back_and_raise_their_sends(stack: Stack) -> None:
    before = stack.metrics().get('gateway_sends_total{stage="read"}', 0)

    stack.post(delivery_body(message_item("wamid.ladder", "color", "351911111111")))

    done(stack, 1)
    wait_until(
        lambda: stack.metrics().get('gateway_sends_total{stage="read"}', 0) > before,
        "the send was read",
    )


def test_a_redelivery_that_regroups_a_known_event_adds_only_the_new_one(stack: Stack) -> None:
    first = message_item("wamid.re1", "color", "351922222222")
    second = message_item("wamid.re2", "color again", "351922222222")
    stack.post(delivery_body(first))
    done(stack, 1)

    stack.post(delivery_body(first, second, statuses=[status_item("wamid.else", "sent")]))

    done(stack, 2)
    assert len(stack.posted()) == 2
