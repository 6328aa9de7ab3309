"""Signature check of Meta's bodies: HMAC-SHA256 over the raw bytes."""

import hmac
import re
from collections.abc import Sequence
from typing import Literal

HEADER = "X-Hub-Signature-256"

_FORM = re.compile(rb"sha256=([0-9a-f]{64})")


class SignatureError(Exception):
    """A body without a valid signature; `reason` is a counter label without any digest.

    "account" is a mismatch where a secret of another account signed the body.
    """

    def __init__(self, reason: Literal["missing", "malformed", "mismatch", "account"]) -> None:
        super().__init__(f"signature {reason}")
        self.reason = reason


def verify(body: bytes, header: bytes | None, secrets: Sequence[bytes]) -> int:
    """Return the index of the secret that signed `body`, or raise SignatureError.

    Several secrets are active while one is rotated. All are tried, so that the time taken does not
    reveal which one matched.
    """
    if header is None:
        raise SignatureError("missing")
    if (form := _FORM.fullmatch(header)) is None:
        raise SignatureError("malformed")
    given = bytes.fromhex(form[1].decode("ascii"))
    matches = [hmac.compare_digest(_digest(body, secret), given) for secret in secrets]
    if True not in matches:
        raise SignatureError("mismatch")
    return matches.index(True)


def sign(body: bytes, secret: bytes) -> str:
    """Return the header value that Meta would send with `body`."""
    return f"sha256={_digest(body, secret).hex()}"


def _digest(body: bytes, secret: bytes) -> bytes:
    return hmac.digest(secret, body, "sha256")
