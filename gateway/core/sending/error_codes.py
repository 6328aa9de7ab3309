"""Meta's error codes as a table: what each means for a send, and what the operator should do.

An error may come in the response, in a failed status, or in both: both use this table.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Kind = Literal["again", "later", "never", "pause", "window", "template", "opted_out"]
Scope = Literal["send", "pair", "number", "account", "app"]

# Graph uses 100 for a wrong parameter and for a phone number that it does not know; a subcode
# says which: https://developers.facebook.com/docs/graph-api/guides/error-handling
INVALID_PARAMETER, UNKNOWN_NUMBER = 100, 33
TOKEN_CODES = frozenset({0, 190})
# That a proof of the app's secret is missing or wrong, Meta says by the message of a 100 alone:
# https://developers.facebook.com/docs/graph-api/guides/secure-requests
PROOF = "appsecret_proof"
# A pause of one of these codes may be over with other credentials.
CREDENTIAL_CODES = TOKEN_CODES | {INVALID_PARAMETER}


@dataclass(frozen=True, slots=True)
class ErrorPolicy:
    """Policy of an error code: its meaning for a send.

    | kind | what follows |
    |---|---|
    | again | another attempt after the usual backoff |
    | later | not before `wait_s`, for all in `scope`; counts as an attempt only if that is a send |
    | never | a dead letter: the same would be refused again |
    | pause | the number or account stops; its sends wait until a probe is accepted |
    | window | what the rule says for a customer who has been silent for 24 hours |
    | template | the send waits until Meta sends its template again |
    | opted_out | a dead letter, and no more marketing for this customer |

    With `alert` the operator gets an alert as well, once for the code.
    """

    kind: Kind
    advice: str
    scope: Scope = "send"
    wait_s: float | None = None
    alert: bool = False


def error_policy(
    code: int, status: int, subcode: int | None = None, message: str = ""
) -> ErrorPolicy:
    """Look up `code`; the HTTP status decides only for a code that is not in the table."""
    if code == INVALID_PARAMETER and PROOF in message:
        return _PROOF_REFUSED
    if code == INVALID_PARAMETER and subcode == UNKNOWN_NUMBER:
        return ERROR_POLICIES[UNKNOWN_NUMBER]
    return find_policy(code) or _by_status(status)


def find_policy(code: int) -> ErrorPolicy | None:
    """Return the policy of a code, None for one that is not in the table."""
    return ERROR_POLICIES.get(code) or next(
        (policy for codes, policy in _RANGES if code in codes), None
    )


def _by_status(status: int) -> ErrorPolicy:
    if status == 429:
        return _THROTTLED
    return _TROUBLE if status >= 500 else _REFUSED


def _again(advice: str) -> ErrorPolicy:
    return ErrorPolicy("again", advice)


def _later(scope: Scope, wait_s: float | None, advice: str, *, alert: bool = False) -> ErrorPolicy:
    return ErrorPolicy("later", advice, scope, wait_s, alert)


def _never(advice: str, *, alert: bool = False) -> ErrorPolicy:
    return ErrorPolicy("never", advice, alert=alert)


def _template(advice: str) -> ErrorPolicy:
    return ErrorPolicy("template", advice, alert=True)


def _pause(scope: Scope, advice: str) -> ErrorPolicy:
    return ErrorPolicy("pause", advice, scope, alert=True)


_PERMISSION = _pause("account", "Give the token the permission that Meta names.")
_PROOF_REFUSED = _pause("app", "Give the account the app's secret, and appsecret_proof: yes.")
_THROTTLED = _later("number", 1, "Meta asked for fewer calls; wait.")
_TROUBLE = _again("Meta has trouble; wait.")
_REFUSED = _never("Meta refused; look up the code.")
_RANGES = (
    (range(200, 300), _PERMISSION),
    (range(138_000, 139_000), _never("Look at the calling settings: this is an error of calls.")),
    (range(139_000, 140_000), _never("Look at the flow: this is an error of flows.")),
)

# https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes
# The HTTP status misleads both ways: 3, 131045 and 133000 come with a 5xx and never pass, while
# 4, 80007, 130429 and 131056 come with a 400 and do. So the status is no column of this table.
ERROR_POLICIES = MappingProxyType(
    {
        0: _pause("account", "Renew the access token: Meta cannot tell whose it is."),
        1: _again("Meta may have trouble; if it goes on, check the Graph address and version."),
        2: _again("Meta's API is down for a moment; wait."),
        3: _pause("account", "Give the app the capability that it lacks."),
        4: _later("app", 60, "The app calls too often; wait."),
        10: _pause("account", "Grant the app the permission again, or for the first time."),
        17: _later("app", 60, "The token's user calls too often; wait."),
        32: _later("app", 60, "The page calls too often; wait."),
        33: _pause("number", "Check the phone number id: this one is gone or was never there."),
        100: _never("Correct the parameter that Meta names."),
        190: _pause("account", "Renew the access token: it has expired or was revoked."),
        368: _pause("account", "Read in Business Manager which policy the account is blocked for."),
        613: _later("app", 60, "A limit of this one call is reached; wait."),
        80007: _later("account", 60, "The business account calls too often; wait."),
        80008: _later("account", 60, "The business account is managed too often; wait."),
        130403: _never("Unblock the customer first, if they should hear from you."),
        130429: _later("number", 1, "Send more slowly: the number's throughput is used up."),
        130472: _never("Leave it: Meta keeps this customer out of marketing for an experiment."),
        130497: _never("Do not write to this country: the business may not.", alert=True),
        131000: _again("Meta does not know why; if it goes on, ask its support."),
        131005: _PERMISSION,
        131008: _never("Add the parameter that Meta misses."),
        131009: _never("Correct the value that Meta names."),
        131016: _again("Meta's service is down for a moment; wait."),
        131021: _never("Write to somebody else than the sending number."),
        131026: _never(
            "The customer cannot get it: no WhatsApp, an old one, or terms not accepted."
        ),
        131030: _never("List it for the test number, in either form if it has two (549…, 521…)."),
        131031: _pause("account", "Ask Meta's support why the account is locked."),
        131037: _pause("number", "Have the display name approved."),
        131042: _pause("account", "Set the account's payment right."),
        131044: _pause("account", "Set the account's payment for calls right."),
        131045: _pause("number", "Register the phone number again."),
        131047: ErrorPolicy(
            "window", "Send a template: the customer's last message is older than 24 hours."
        ),
        131048: _later(
            "number", 3600, "Write less and better: customers took messages for spam.", alert=True
        ),
        131049: _never("Leave this customer without marketing for a day at least."),
        131050: ErrorPolicy(
            "opted_out", "Leave this customer without marketing: they asked for it."
        ),
        131051: _never("Use a message type that Meta knows."),
        131052: _never("Ask the customer to send the file again."),
        131053: _never("Check the file: its address, type and size."),
        131055: _never("Use another call: this one is not allowed here."),
        131056: _later("pair", None, "Write to this customer more slowly."),
        131057: _later("number", 60, "Meta moves the number to a higher throughput; wait."),
        131060: _never("Ask the customer to send it again: Meta could not pass it on."),
        131062: _never("Use the customer's phone number: their user id is not taken here."),
        131063: _never("Allow marketing templates for this sender.", alert=True),
        131064: _later(
            "send", 3600, "Let Meta finish classifying the templates; wait.", alert=True
        ),
        132000: _never("Give as many parameters as the template has."),
        132001: _never("Create the template in this language, or have it approved.", alert=True),
        132005: _never("Shorten the text: translated, it is too long."),
        132007: _never("Change the template: its content breaks a policy.", alert=True),
        132008: _never("Correct the template's parameters."),
        132012: _never("Give the parameters in the format that the template asks for."),
        132015: _template("Improve the template: it is paused for its quality."),
        132016: _template("Use another template: this one was paused too often."),
        132018: _never("Correct the template's parameters."),
        132068: _never("Correct the flow: it is blocked.", alert=True),
        132069: _later(
            "send", 3600, "The flow may be sent ten times an hour; correct and wait.", alert=True
        ),
        133000: _pause(
            "number", "Deregister the number once more: the last time was not finished."
        ),
        133004: _again("Meta's registration is down for a moment; wait."),
        133005: _never("Give the right PIN of the two-step verification.", alert=True),
        133006: _never("Verify the phone number before it is registered.", alert=True),
        133008: _later("number", 3600, "The PIN was wrong too often; wait.", alert=True),
        133009: _later("number", 60, "The PIN was given too fast; wait.", alert=True),
        133010: _pause("number", "Register the phone number."),
        133015: _later("number", 300, "The number was deleted a moment ago; wait."),
        133016: _never("Register less often: ten times in 72 hours is the most.", alert=True),
        134011: _never("Accept the terms of payments.", alert=True),
        134100: _never("Use a marketing template for this call."),
        134101: _later("send", 600, "The template is still on its way to this API; wait."),
        134102: _again("The template cannot be used yet; wait."),
        135000: _never("Check the parameters: Meta does not say which is wrong."),
        137000: _never("Verify the customer again: their identity changed."),
        2494100: _later("number", 60, "The number is in maintenance; wait."),
    }
)
