"""Refusals and the bodies in which Meta words them."""

import secrets
from dataclasses import dataclass

from gateway.sandbox.codes import code_of
from gateway.sandbox.wire import Json

INVALID = 100
BAD_TOKEN = 190
NUMBER_RATE = 130429
MISSING = 131008
INVALID_VALUE = 131009
RECIPIENT_IS_SENDER = 131021
UNSUPPORTED_TYPE = 131051
PAIR_RATE = 131056
NO_SUCH_OBJECT = 33
REVOKED = 467
UNKNOWN_PATH = 2500
_PLATFORM = 80_000  # Codes below are Graph's own, and only 100 is told with details.


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not accepted; `details` never holds what the caller wrote.

    `status` is Meta's for the code, unless another is given.
    """

    code: int
    details: str
    status: int = 0
    subcode: int | None = None
    message: str = ""  # Instead of the code's title, where Meta says more.

    @property
    def http_status(self) -> int:
        """Give the HTTP status of the answer."""
        return self.status or code_of(self.code).status

    def body(self) -> Json:
        """Word the refusal as Graph does."""
        known = code_of(self.code)
        error: Json = {
            "message": self.message or f"(#{self.code}) {known.title}",
            "type": "GraphMethodException" if self.subcode == NO_SUCH_OBJECT else "OAuthException",
            "code": self.code,
        }
        if known.transient:
            error["is_transient"] = True
        if self.details and (self.code == INVALID or self.code >= _PLATFORM):
            error["error_data"] = {"messaging_product": "whatsapp", "details": self.details}
        if self.subcode is not None:
            error["error_subcode"] = self.subcode
        error["fbtrace_id"] = "A" + secrets.token_urlsafe(16)
        return {"error": error}


BAD_TOKEN_REFUSAL = Refusal(
    BAD_TOKEN,
    "",
    subcode=REVOKED,
    message="Error validating access token: The session is invalid because the user logged out.",
)


def missing(path: str) -> Refusal:
    """Refuse a body that lacks a required parameter."""
    return Refusal(MISSING, f"Parameter {path} is required.")


def wrong_type(path: str, wanted: str) -> Refusal:
    """Refuse a parameter of another JSON type."""
    return Refusal(INVALID, f"Parameter {path} must be {wanted}.")


def invalid(path: str, rule: str) -> Refusal:
    """Refuse a parameter of the right type that breaks a rule."""
    return Refusal(INVALID_VALUE, f"Parameter {path} {rule}.")
