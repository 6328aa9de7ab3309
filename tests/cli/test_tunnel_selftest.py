"""The self-test is an event that is known, and that starts nothing."""

from gateway.cli.setup.tunnel import self_test
from gateway.core.events import Delivery, Notice
from gateway.core.webhook.parser import split
from tests.support.factories import NOW, NUMBER


def test_it_is_a_notice_of_our_number_about_nobody() -> None:
    body = self_test.make_body("8", NUMBER, "nonce")

    (event,) = split(Delivery("3:1-0", NOW, body))

    assert isinstance(event, Notice)
    assert (event.number, event.contact, event.field) == (NUMBER, "", "gateway_self_test")
    assert event.key == self_test.event_key(body)


def test_each_is_another_one() -> None:
    keys = {self_test.event_key(self_test.make_body("8", NUMBER, one)) for one in "ab"}

    assert len(keys) == 2
