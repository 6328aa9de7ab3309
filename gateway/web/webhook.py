"""Webhook endpoint: Meta's handshake, and deliveries acknowledged only once verified and kept."""

import hmac
import time
from collections.abc import Callable
from typing import Protocol
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from gateway.accounts.account import Account, Accounts
from gateway.core.webhook import signature
from gateway.core.webhook.signature import SignatureError
from gateway.web.request_limits import MOST_BODY_BYTES

MOST_CHALLENGE = 512
# A body that the account's secrets did not sign is tried with those of the others up to this size,
# and so often a second: to try each with a hundred secrets would take a stranger's work upon us.
MOST_TRIED_BYTES = 16 * 1024
MOST_TRIES_PER_S = 10
HEADER = b"x-hub-signature-256"


class TooLargeError(Exception):
    """The body is larger than anything Meta sends."""


class HandshakeError(Exception):
    """The verify token of a handshake is wrong."""


class UnknownAccountError(Exception):
    """No account has the name in the address, or none serves the address without a name."""


class DeliveryKeeper(Protocol):
    """The part of the inbox that the endpoint needs."""

    async def keep(self, body: bytes, *, secret: str, account: str) -> None:
        """Return once the body is on disk. Raises StoreUnavailableError."""


class Webhook:
    """Endpoint for Meta's two requests, for all accounts: `/webhook/NAME`, or the default one's."""

    def __init__(
        self,
        keeper: DeliveryKeeper,
        accounts: Callable[[], Accounts],
        note_use: Callable[[str, str], None] = lambda _, __: None,
    ) -> None:
        """Take the accounts in force; `note_use` is told which account's secret has matched."""
        self._keeper = keeper
        self._accounts = accounts
        self._note_use = note_use
        self._second, self._tries = 0, 0  # how often the others' secrets were tried in this second

    async def receive(self, request: Request) -> Response:
        """Verify one delivery, keep it, and only then answer 200.

        After 200 Meta never sends it again, so the answer waits until the store has the bytes on
        disk, together with every other delivery that waited at that moment.

        Raises UnknownAccountError (404), TooLargeError (413), SignatureError (401),
        StoreUnavailableError (503), and ClientDisconnect if the body is incomplete: the table in
        app.py maps them to answers.
        """
        account = self._account(request)
        body = await read_body(request)
        secret = self._verify(account, body, _signature_header(request))
        await self._keeper.keep(body, secret=secret, account=account.name)
        self._note_use(account.name, secret)
        return Response(status_code=200)

    async def answer_handshake(self, request: Request) -> Response:
        """Answer Meta's challenge byte for byte. Raises HandshakeError (403)."""
        verify_token = self._account(request).verify_token.encode()
        query = _query(request)
        challenge = query.get("hub.challenge", b"")
        is_known = hmac.compare_digest(query.get("hub.verify_token", b""), verify_token)
        if not is_known or query.get("hub.mode") != b"subscribe" or len(challenge) > MOST_CHALLENGE:
            raise HandshakeError
        # The answer repeats what a stranger wrote, so no browser may take it for a page.
        return PlainTextResponse(challenge, headers={"x-content-type-options": "nosniff"})

    def _account(self, request: Request) -> Account:
        """Return the account that the address names. Raises UnknownAccountError."""
        name, accounts = request.path_params.get("account", ""), self._accounts()
        if account := accounts.named(name) if name else accounts.default:
            return account
        raise UnknownAccountError

    def _verify(self, account: Account, body: bytes, header: bytes | None) -> str:
        """Return the id of the account's secret that signed the body. Raises SignatureError."""
        try:
            signed_by = signature.verify(body, header, account.secret_values)
        except SignatureError as error:
            if error.reason == "mismatch" and self._is_signed_by_another(account, body, header):
                raise SignatureError("account") from None
            raise
        return account.secrets[signed_by].id

    def _is_signed_by_another(self, account: Account, body: bytes, header: bytes | None) -> bool:
        """Say whether another account's secret signed a body: its callback is the wrong one."""
        others = [one for each in self._accounts() if each != account for one in each.secret_values]
        if not others or len(body) > MOST_TRIED_BYTES or not self._may_try():
            return False
        try:
            signature.verify(body, header, others)
        except SignatureError:
            return False
        return True

    def _may_try(self) -> bool:
        second = read_second()
        self._tries = self._tries + 1 if second == self._second else 1
        self._second = second
        return self._tries <= MOST_TRIES_PER_S


async def read_body(request: Request) -> bytes:
    """Return the body, counted while it arrives: Starlette's own reading has no limit.

    Raises TooLargeError, and ClientDisconnect if the client leaves before the end.
    """
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > MOST_BODY_BYTES:
        raise TooLargeError
    parts = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > MOST_BODY_BYTES:
            raise TooLargeError
        parts.append(part)
    return b"".join(parts)


def read_second() -> int:
    """Return the second of a clock that only goes forwards."""
    return int(time.monotonic())


def _query(request: Request) -> dict[str, bytes]:
    """Return the query's values as bytes: Starlette replaces bytes that are not UTF-8."""
    query = request.scope["query_string"].decode("latin-1")
    pairs = parse_qsl(query, keep_blank_values=True, encoding="latin-1")
    return {name: value.encode("latin-1") for name, value in pairs}


def _signature_header(request: Request) -> bytes | None:
    """Return the signature header; if there are two, there is none."""
    values = [value for name, value in request.scope["headers"] if name == HEADER]
    return values[0] if len(values) == 1 else None
