"""Access token: which one is accepted, whether it is at present, and what it may do."""

import hmac
from typing import Literal

from gateway.sandbox.errors import BAD_TOKEN, BAD_TOKEN_REFUSAL, Refusal
from gateway.sandbox.wire import Json

EXPIRED = 463
MANAGEMENT, MESSAGING = "whatsapp_business_management", "whatsapp_business_messaging"
TokenType = Literal["SYSTEM_USER", "USER"]
_EXPIRED = "Error validating access token: Session has expired."
_NEEDS = 200


class Token:
    """One token that can be changed, revoked and restored; a system user's, which never expires.

    While it is rotated the one before is accepted as well.
    """

    def __init__(self, text: str) -> None:
        """Accept this token."""
        self.revoked = False
        self.type: TokenType = "SYSTEM_USER"
        self.expires_at = 0.0  # Never, as Meta writes it.
        self.scopes: tuple[str, ...] = (MANAGEMENT, MESSAGING)
        self._texts = (text.encode(),)

    def change(self, text: str, *, keeps_old: bool = False) -> None:
        """Replace the accepted token; with `keeps_old` the newest of those before stays valid."""
        self._texts = (text.encode(), *(self._texts[:1] if keeps_old else ()))

    def matches(self, text: str) -> bool:
        """Return whether this is the token, accepted or not."""
        return any(hmac.compare_digest(text.encode(), one) for one in self._texts)

    def is_accepted(self, authorization: str) -> bool:
        """Return whether a header holds the accepted token."""
        kind, _, text = authorization.partition(" ")
        return kind == "Bearer" and self.matches(text) and not self.revoked

    def refusal(self, authorization: str, now: float, scope: str) -> Refusal | None:
        """Return why a header does not allow what needs this scope, or None."""
        if not self.is_accepted(authorization):
            return BAD_TOKEN_REFUSAL
        if self.has_expired(now):
            return Refusal(BAD_TOKEN, "", subcode=EXPIRED, message=_EXPIRED)
        if scope not in self.scopes:
            return Refusal(_NEEDS, "", message=f"(#200) Requires {scope} permission")
        return None

    def has_expired(self, now: float) -> bool:
        """Return whether it has expired."""
        return 0 < self.expires_at <= now

    def show(self, now: float, waba_id: str) -> Json:
        """Return what /debug_token shows of it."""
        shown: Json = {
            "type": self.type,
            "expires_at": int(self.expires_at),
            "is_valid": not (self.revoked or self.has_expired(now)),
            "scopes": self.scopes,
            "granular_scopes": [{"scope": scope, "target_ids": [waba_id]} for scope in self.scopes],
        }
        if self.has_expired(now):
            shown["error"] = {"code": BAD_TOKEN, "message": _EXPIRED, "subcode": EXPIRED}
        elif self.revoked:
            shown["error"] = {"code": BAD_TOKEN, "message": BAD_TOKEN_REFUSAL.message}
            shown["error"]["subcode"] = BAD_TOKEN_REFUSAL.subcode
        return shown
