"""Test of a receiver: one post from here, signed as its events are."""

import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

from gateway.config.receiver_secrets import ReceiverSecrets
from gateway.core.forwards.payload import TEST, build_test_payload
from gateway.core.forwards.receiver import Receiver
from gateway.http_out.outgoing import OutgoingClient, OutgoingRequest
from gateway.store.outgoing.forwards import WaitingForward
from tasks.outgoing.forwarding.forwarder import ANSWER_WITHIN_S
from tasks.outgoing.forwarding.preparation import PreparedPost, headers_of


@dataclass(frozen=True, slots=True)
class TrialReply:
    """The answer to a test; `error` is "" if the receiver took it."""

    status: int | None
    error: str
    ms: int


def post_trial(receiver: Receiver) -> TrialReply:
    """Post a test in the receiver's form. Raises ReceiverSecretError."""
    now = datetime.now(UTC)
    test = WaitingForward(f"{TEST}-{secrets.token_hex(8)}-{receiver.name}", "")
    if receiver.form == "meta":
        body = orjson.dumps({"object": "whatsapp_business_account", "entry": []})
    else:
        body = build_test_payload(test.id, now)
    post = PreparedPost("", receiver, (test,), body)
    headers = {"Content-Type": "application/json", **headers_of(post, ReceiverSecrets(), now)}
    client, began = OutgoingClient(), time.monotonic()
    request = OutgoingRequest("POST", receiver.url, headers, body, ANSWER_WITHIN_S)
    exchange = client.send(request)
    client.close()
    took_ms = int((time.monotonic() - began) * 1000)
    return TrialReply(exchange.status, exchange.failure, took_ms)
