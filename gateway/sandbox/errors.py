"""Refusals, and their bodies in Meta's wording."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.sandbox.wire import Json

WINDOW_CLOSED = 131047
OPTED_OUT = 131050
NOT_LISTED = 131030
NO_USER_ID = 131062
NO_TEMPLATE, TEMPLATE_PAUSED, TEMPLATE_DISABLED = 132001, 132015, 132016
UNKNOWN_TITLE = "Something went wrong"


@dataclass(frozen=True, slots=True)
class Code:
    """One error; `by_status` if Meta accepts the message and reports it by a failed status."""

    title: str
    status: int = 400
    by_status: bool = False
    transient: bool = False  # Graph says so of its own errors.


def _by_status(title: str) -> Code:
    return Code(title, by_status=True)


CODES: Mapping[int, Code] = {
    0: Code("AuthException", 401),
    1: Code("API Unknown"),
    2: Code("API Service", 503, transient=True),
    3: Code("API Method", 500),
    4: Code("Application request limit reached", transient=True),
    10: Code("Permission denied", 403),
    17: Code("User request limit reached", transient=True),
    32: Code("Page request limit reached", transient=True),
    33: Code("Parameter value is not valid"),
    100: Code("Invalid parameter"),
    190: Code("Access token has expired", 401),
    200: Code("API permission", 403),
    299: Code("API permission", 403),
    368: Code("Temporarily blocked for policies violations", 403),
    613: Code("Calls to this api have exceeded the rate limit", transient=True),
    2500: Code("Unknown path components"),
    80007: Code("Rate limit issues"),
    80008: Code("Rate limit issues"),
    130403: Code("User is blocked by the business"),
    130429: Code("Rate limit hit"),
    130472: _by_status("User's number is part of an experiment"),
    130497: Code("Business account is restricted from messaging users in this country", 403),
    131000: Code(UNKNOWN_TITLE, 500),
    131005: Code("Access denied", 403),
    131008: Code("Required parameter is missing"),
    131009: Code("Parameter value is not valid"),
    131016: Code("Service unavailable", 500),
    131021: Code("Recipient cannot be sender"),
    131026: _by_status("Message undeliverable"),
    131030: Code("Recipient phone number not in allowed list"),
    131031: Code("Account has been locked", 403),
    131037: Code("Display name needs approval before message can be sent"),
    131042: _by_status("Business eligibility payment issue"),
    131044: Code("Business eligibility payment issue"),
    131045: Code("Incorrect certificate", 500),
    WINDOW_CLOSED: _by_status("Re-engagement message"),
    131048: Code("Spam rate limit hit"),
    131049: _by_status("This message was not delivered to maintain healthy ecosystem engagement"),
    OPTED_OUT: _by_status("User has stopped marketing messages from the business"),
    131051: Code("Unsupported message type"),
    131052: _by_status("Media download error"),
    131053: _by_status("Media upload error"),
    131055: Code("Method not allowed"),
    131056: Code("(Business Account, Consumer Account) pair rate limit hit"),
    131057: Code("Account in maintenance mode", 500),
    131060: _by_status("This message is unavailable"),
    NO_USER_ID: Code("Business-scoped user ids are not supported for this message"),
    131063: Code("Marketing templates are not supported on Cloud API for this sender"),
    131064: Code("Template classification limit reached"),
    132000: Code("Template param count mismatch"),
    NO_TEMPLATE: Code("Template does not exist", 404),
    132005: Code("Template hydrated text too long"),
    132007: Code("Template format character policy violated"),
    132008: Code("Template parameter is not valid"),
    132012: Code("Template parameter format mismatch"),
    TEMPLATE_PAUSED: Code("Template is paused"),
    TEMPLATE_DISABLED: Code("Template is disabled"),
    132018: Code("Template parameter is not valid"),
    132068: Code("Flow is in blocked state"),
    132069: Code("Flow is in throttled state"),
    133000: Code("Incomplete deregistration", 500),
    133004: Code("Server temporarily unavailable", 503),
    133005: Code("Two step verification PIN mismatch"),
    133006: Code("Phone number re-verification needed"),
    133008: Code("Too many two step verification PIN guesses"),
    133009: Code("Two step verification PIN guessed too fast"),
    133010: Code("Phone number not registered"),
    133015: Code("Please wait a few minutes before attempting to register this phone number"),
    133016: Code("Account register deregister rate limit exceeded"),
    134011: Code("Payments terms of service have not been accepted"),
    134100: Code("Only marketing messages are supported"),
    134101: Code("Template is still syncing"),
    134102: Code("Marketing messages are unavailable", 500),
    135000: Code("Generic user error"),
    137000: Code("Identity key hash mismatch"),
    138000: Code("Calling is not enabled"),
    139000: Code("Blocked by integrity"),
    2494100: Code("Account is in maintenance", 500),
}
_UNKNOWN = Code(UNKNOWN_TITLE)


def code_of(code: int) -> Code:
    """Return the entry of a code; an unknown code is refused with 400."""
    return CODES.get(code, _UNKNOWN)


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
_PLATFORM = 80_000  # Codes below are Graph's own, and only 100 comes with details.


@dataclass(frozen=True, slots=True)
class Refusal:
    """Reason why a request is refused; `details` never holds what the caller wrote.

    `status` is Meta's for the code, unless another is given.
    """

    code: int
    details: str
    status: int = 0
    subcode: int | None = None
    message: str = ""  # Replaces the code's title if Meta says more.
    is_of_method: bool = False  # Meta calls it a GraphMethodException.

    @property
    def http_status(self) -> int:
        """Return the HTTP status of the answer."""
        return self.status or code_of(self.code).status

    def body(self) -> Json:
        """Return the refusal in Graph's wording."""
        known = code_of(self.code)
        is_of_method = self.is_of_method or self.subcode == NO_SUCH_OBJECT
        error: Json = {
            "message": self.message or f"(#{self.code}) {known.title}",
            "type": "GraphMethodException" if is_of_method else "OAuthException",
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


# https://developers.facebook.com/docs/graph-api/guides/secure-requests
NO_PROOF = Refusal(
    INVALID,
    "",
    message="API calls from the server require an appsecret_proof argument",
    is_of_method=True,
)
WRONG_PROOF = Refusal(
    INVALID,
    "",
    message="Invalid appsecret_proof provided in the API argument",
    is_of_method=True,
)


def no_such_object(method: str, object_id: str) -> Refusal:
    """Return the refusal of an object that is not there, or that the token may not see."""
    message = (
        f"Unsupported {method.lower()} request. Object with ID '{object_id[:40]}' does not exist, "
        "cannot be loaded due to missing permissions, or does not support this operation"
    )
    return Refusal(INVALID, "", subcode=NO_SUCH_OBJECT, message=message)


def missing(path: str) -> Refusal:
    """Return the refusal of a body that lacks a required parameter."""
    return Refusal(MISSING, f"Parameter {path} is required.")


def wrong_type(path: str, rule: str) -> Refusal:
    """Return the refusal of a parameter of another JSON type."""
    return Refusal(INVALID, f"Parameter {path} must {rule}.")


def invalid(path: str, rule: str) -> Refusal:
    """Return the refusal of a parameter of the right type that breaks a rule."""
    return Refusal(INVALID_VALUE, f"Parameter {path} must {rule}.")
