"""Calls of the operator's services: one request, and an answer that is bounded and read whole."""

from collections.abc import Mapping
from typing import NamedTuple

from gateway.http_out.outgoing import OutgoingClient, OutgoingRequest

NO_TEXT = "the answer is no text in UTF-8"


class ServiceReply(NamedTuple):
    """The answer of a service; `status` is None and `failure` says why where none came.

    An answer with a failure must not be used, whatever its status. Where `is_sent` is False the
    service has seen nothing of the request.
    """

    status: int | None
    content: str = ""
    failure: str = ""
    is_sent: bool = True


def call_service(client: OutgoingClient, request: OutgoingRequest) -> ServiceReply:
    """Make a request once. A redirect is not followed: it would send the secret somewhere else."""
    reply = client.send(request)
    if reply.status is None:
        return ServiceReply(None, failure=reply.error, is_sent=reply.is_sent)
    is_success = 200 <= reply.status < 300
    if reply.flaw:
        return ServiceReply(reply.status, failure=f"the answer {reply.flaw}" if is_success else "")
    try:
        return ServiceReply(reply.status, reply.body.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return ServiceReply(reply.status, failure=NO_TEXT if is_success else "")


def secret_header(name: str, secret: str) -> Mapping[str, str]:
    """Return the header that carries a secret: a bearer token, unless it names its own scheme."""
    if name.lower() != "authorization" or " " in secret:
        return {name: secret}
    return {name: f"Bearer {secret}"}
