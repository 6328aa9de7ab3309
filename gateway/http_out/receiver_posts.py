"""Posts to receivers of forwards: how they are signed, and a test that goes at once."""

import secrets as randomness
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

from gateway.config.receiver_secrets import ReceiverSecrets
from gateway.core.forwards.payload import TEST, build_test_payload
from gateway.core.forwards.receiver import Receiver
from gateway.core.sending.notifications.signature import signed_headers
from gateway.core.webhook.signature import sign
from gateway.http_out.outgoing import OutgoingClient, OutgoingRequest

# An answer that takes longer counts as none; the lease of a forward must outlast it.
ANSWER_WITHIN_S = 15.0


@dataclass(frozen=True, slots=True)
class TrialReply:
    """The answer to a test; `error` is "" if the receiver took it."""

    status: int | None
    error: str
    ms: int


def post_request(
    receiver: Receiver, forward: str, body: bytes, secrets: ReceiverSecrets, at: datetime
) -> OutgoingRequest:
    """Build the request of a post, signed for this moment. Raises ReceiverSecretError."""
    headers = {"Content-Type": "application/json", **_sign(receiver, forward, body, secrets, at)}
    return OutgoingRequest("POST", receiver.url, headers, body, ANSWER_WITHIN_S)


def _sign(
    receiver: Receiver, forward: str, body: bytes, secrets: ReceiverSecrets, at: datetime
) -> Mapping[str, str]:
    if receiver.form == "meta":
        (newest, *_) = secrets.shared(receiver.secret)
        return {"X-Hub-Signature-256": sign(body, newest)}
    signing = secrets.signing(receiver.secret)
    return signed_headers(signing, forward, int(at.timestamp()), body)


def check_secret(receiver: Receiver, secrets: ReceiverSecrets) -> None:
    """Raise ReceiverSecretError if posts to a receiver cannot be signed."""
    (secrets.shared if receiver.form == "meta" else secrets.signing)(receiver.secret)


def post_trial(receiver: Receiver) -> TrialReply:
    """Post a test in the receiver's form, from this process. Raises ReceiverSecretError."""
    now = datetime.now(UTC)
    test = f"{TEST}-{randomness.token_hex(8)}-{receiver.name}"
    if receiver.form == "meta":
        body = orjson.dumps({"object": "whatsapp_business_account", "entry": []})
    else:
        body = build_test_payload(test, now)
    request = post_request(receiver, test, body, ReceiverSecrets(), now)
    client, began = OutgoingClient(), time.monotonic()
    exchange = client.send(request)
    client.close()
    took_ms = int((time.monotonic() - began) * 1000)
    return TrialReply(exchange.status, exchange.failure, took_ms)
