"""Signature of a notification, by which the receiver knows who posted it and when.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence


def signed_headers(
    secrets: Sequence[bytes], notification: str, attempted_s: int, body: bytes
) -> Mapping[str, str]:
    """Return the headers of one attempt, made at `attempted_s` in seconds since 1970.

    Each secret gives a signature: while one is rotated, the receiver may know either.
    """
    signed = b"%s.%d.%s" % (notification.encode(), attempted_s, body)
    signatures = (hmac.digest(secret, signed, hashlib.sha256) for secret in secrets)
    return {
        "webhook-id": notification,
        "webhook-timestamp": str(attempted_s),
        "webhook-signature": " ".join(f"v1,{base64.b64encode(one).decode()}" for one in signatures),
    }
