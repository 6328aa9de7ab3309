"""`gateway forwards listen`: a receiver to look at, which verifies and prints what it gets."""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from gateway.cli.common import errors
from gateway.cli.common.output import open_console
from gateway.config.receiver_secrets import ReceiverSecretError, ReceiverSecrets
from gateway.core.text import printable
from gateway.core.webhook.signature import SignatureError, verify

LARGEST_BODY = 4 * 1024 * 1024
_TONES = {"WRONG": "red", "not verified": "yellow"}


def listen(
    port: Annotated[int, typer.Option(help="Port on this machine.", min=1, max=65535)] = 8099,
    secret: Annotated[
        str, typer.Option(help="Name of the setting with the receiver's secret.")
    ] = "",
    status: Annotated[int, typer.Option(help="What it answers.", min=200, max=599)] = 200,
) -> None:
    """Listen as a receiver would: verify each post, and print what it holds.

    It shows texts and phone numbers, and listens on this machine only.
    """
    secrets = ReceiverSecrets()
    console = open_console()
    if secret:
        _warn_of_unset(secrets, secret)
    handler = _handler_class(console, secrets, secret, status)
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError as error:
        raise errors.fail(f"Port {port} cannot be used: {error.strerror}.") from None
    console.print(f"Listening on http://127.0.0.1:{port}/ – Ctrl-C ends it.")
    with server:
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return


def _warn_of_unset(secrets: ReceiverSecrets, name: str) -> None:
    """Say at once, and not at the first post only, that no signature can be verified."""
    try:
        secrets.shared(name)
    except ReceiverSecretError as error:
        errors.errors.print(f"[yellow]warning:[/] {error}, so nothing can be verified.")


def check_signature(
    headers: Mapping[str, str], body: bytes, secrets: ReceiverSecrets, name: str
) -> str:
    """Say what a post's signature proves, in words; header names are in lower case."""
    if not name:
        return "not verified (give --secret)"
    try:
        if signature := headers.get("x-hub-signature-256"):
            verify(body, signature.encode("latin-1"), secrets.shared(name))
            return "verified (Meta's form)"
        signed = _signed_content(headers, body)
        given = headers.get("webhook-signature", "").split()
        if any(_matches(secret, signed, one) for secret in secrets.signing(name) for one in given):
            return "verified (Standard Webhooks)"
    except SignatureError as error:
        return f"WRONG: {error.reason}"
    except ReceiverSecretError as error:
        return f"not verified: {error}"
    return "WRONG: mismatch"


def _signed_content(headers: Mapping[str, str], body: bytes) -> bytes:
    named = (headers.get(name, "") for name in ("webhook-id", "webhook-timestamp"))
    return b"%s.%s.%s" % (*(one.encode("latin-1") for one in named), body)


def _matches(secret: bytes, signed: bytes, given: str) -> bool:
    version, _, encoded = given.partition(",")
    try:
        digest = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        return False
    return version == "v1" and hmac.compare_digest(
        digest, hmac.digest(secret, signed, hashlib.sha256)
    )


def _handler_class(
    console: Console, secrets: ReceiverSecrets, name: str, status: int
) -> type[BaseHTTPRequestHandler]:
    printing = Lock()  # posts come at once, and each is printed whole

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = self.headers.get("content-length", "")
            if not length.isdecimal() or int(length) > LARGEST_BODY:
                self._answer(413)
                return
            body = self.rfile.read(int(length))
            headers = {key.lower(): value for key, value in self.headers.items()}
            verdict = check_signature(headers, body, secrets, name)
            with printing:
                print_post(console, headers, body, verdict)
            self._answer(status)

        def _answer(self, answered: int) -> None:
            self.send_response(answered)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Print nothing else."""

    return Handler


def print_post(console: Console, headers: Mapping[str, str], body: bytes, verdict: str) -> None:
    """Print who a post says that it is, what its signature proves, and what it holds."""
    tone = next((tone for word, tone in _TONES.items() if verdict.startswith(word)), "green")
    # Anybody may post here, and write what would be markup.
    name, said = escape(printable(headers.get("webhook-id", ""))), escape(verdict)
    console.print(f"[bold]{name or 'post'}[/bold] {len(body):,} bytes, [{tone}]{said}[/{tone}]")
    try:
        parsed = json.loads(body)
    except ValueError:
        console.print(printable(body.decode(errors="replace")), markup=False)
        return
    console.print_json(data=parsed, highlight=False)
