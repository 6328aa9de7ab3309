"""Refusals and the bodies in which Meta words them."""

import secrets
from dataclasses import dataclass

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
UNKNOWN_PATH = 2500

# https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes
_TITLES = {
    INVALID: "Invalid parameter",
    BAD_TOKEN: "Invalid OAuth access token",
    UNKNOWN_PATH: "Unknown path components",
    NUMBER_RATE: "Rate limit hit",
    131000: "Something went wrong",
    MISSING: "Required parameter is missing",
    INVALID_VALUE: "Parameter value is not valid",
    131016: "Service unavailable",
    RECIPIENT_IS_SENDER: "Recipient cannot be sender",
    131026: "Message undeliverable",
    131047: "Re-engagement message",
    UNSUPPORTED_TYPE: "Unsupported message type",
    PAIR_RATE: "(Business Account, Consumer Account) pair rate limit hit",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not accepted; `details` never holds what the caller wrote."""

    code: int
    details: str
    status: int = 400
    subcode: int | None = None

    def body(self) -> Json:
        """Word the refusal as Graph does."""
        error: Json = {
            "message": f"(#{self.code}) {title(self.code)}",
            "type": "GraphMethodException" if self.subcode else "OAuthException",
            "code": self.code,
            "error_data": {"messaging_product": "whatsapp", "details": self.details},
            "fbtrace_id": "A" + secrets.token_urlsafe(16),
        }
        if self.subcode is not None:
            error["error_subcode"] = self.subcode
        return {"error": error}


def title(code: int) -> str:
    """Give Meta's short name of an error code."""
    return _TITLES.get(code, "Something went wrong")


def missing(path: str) -> Refusal:
    """Refuse a body that lacks a required parameter."""
    return Refusal(MISSING, f"Parameter {path} is required.")


def wrong_type(path: str, wanted: str) -> Refusal:
    """Refuse a parameter of another JSON type."""
    return Refusal(INVALID, f"Parameter {path} must be {wanted}.")


def invalid(path: str, rule: str) -> Refusal:
    """Refuse a parameter of the right type that breaks a rule."""
    return Refusal(INVALID_VALUE, f"Parameter {path} {rule}.")
