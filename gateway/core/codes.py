"""Meta's error codes as a table: what each means for a send, and what a person should do (pure)."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Kind = Literal["again", "later", "permanent"]
Scope = Literal["send", "pair", "number", "account", "app"]


@dataclass(frozen=True, slots=True)
class Rule:
    """What a code means: `again` after the usual backoff, `later` after `wait_s`, or never.

    `scope` says how far a refusal reaches; wider than a pair it always has a wait.
    """

    kind: Kind
    advice: str
    scope: Scope = "send"
    wait_s: float | None = None


def rule_of(code: int, status: int) -> Rule:
    """Look up `code`; the HTTP status decides only for a code that the table does not know."""
    known = _PERMISSION if 200 <= code <= 299 else RULES.get(code)
    return known or _by_status(status)


def _by_status(status: int) -> Rule:
    if status == 429:
        return _THROTTLED
    return _TROUBLE if status >= 500 else _REFUSED


def _again(advice: str) -> Rule:
    return Rule("again", advice)


def _later(scope: Scope, wait_s: float | None, advice: str) -> Rule:
    return Rule("later", advice, scope, wait_s)


def _never(advice: str) -> Rule:
    return Rule("permanent", advice)


_PERMISSION = _never("Give the token the permission that Meta names.")
_THROTTLED = _later("number", 1, "Meta asked for fewer calls; wait.")
_TROUBLE = _again("Meta has trouble; wait.")
_REFUSED = _never("Meta refused; look up the code.")

# https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes
# The HTTP status misleads both ways: 3, 131045 and 133000 come with a 5xx and never pass, while
# 4, 80007, 130429 and 131056 come with a 400 and do. So the status is no column of this table.
RULES = MappingProxyType(
    {
        0: _never("Renew the access token: Meta cannot tell whose it is."),
        1: _again("Meta may have trouble; if it goes on, check the Graph address and version."),
        2: _again("Meta's API is down for a moment; wait."),
        3: _never("Give the app the capability that it lacks."),
        4: _later("app", 60, "The app calls too often; wait."),
        10: _never("Grant the app the permission again, or for the first time."),
        17: _later("app", 60, "The token's user calls too often; wait."),
        32: _later("app", 60, "The page calls too often; wait."),
        33: _never("Check the phone number id: this one is gone or was never there."),
        100: _never("Correct the parameter that Meta names."),
        190: _never("Renew the access token: it has expired or was revoked."),
        368: _never("Read in Business Manager which policy the account is blocked for."),
        613: _later("app", 60, "A limit of this one call is reached; wait."),
        80007: _later("account", 60, "The business account calls too often; wait."),
        80008: _later("account", 60, "The business account is managed too often; wait."),
        130403: _never("Unblock the customer first, if they should hear from you."),
        130429: _later("number", 1, "Send more slowly: the number's throughput is used up."),
        130472: _never("Leave it: Meta keeps this customer out of marketing for an experiment."),
        130497: _never("Do not write to this country: the business may not."),
        131000: _again("Meta does not know why; if it goes on, ask its support."),
        131005: _never("Give the token the permission that Meta names."),
        131008: _never("Add the parameter that Meta misses."),
        131009: _never("Correct the value that Meta names."),
        131016: _again("Meta's service is down for a moment; wait."),
        131021: _never("Write to somebody else than the sending number."),
        131026: _never(
            "The customer cannot get it: no WhatsApp, an old one, or terms not accepted."
        ),
        131030: _never("Add the recipient to the test number's list."),
        131031: _never("Ask Meta's support why the account is locked."),
        131037: _never("Have the display name approved."),
        131042: _never("Set the account's payment right."),
        131045: _never("Register the phone number again."),
        131047: _never("Send a template: the customer's last message is older than 24 hours."),
        131048: _later("number", 3600, "Write less and better: customers took messages for spam."),
        131049: _never("Leave this customer without marketing for a day at least."),
        131050: _never("Take the customer off marketing: they asked for it."),
        131051: _never("Use a message type that Meta knows."),
        131052: _never("Ask the customer to send the file again."),
        131053: _never("Check the file: its address, type and size."),
        131055: _never("Use another call: this one is not allowed here."),
        131056: _later("pair", None, "Write to this customer more slowly."),
        131057: _later("number", 60, "Meta moves the number to a higher throughput; wait."),
        131062: _never("Use the customer's phone number: their user id is not taken here."),
        131063: _never("Allow marketing templates for this sender."),
        131064: _later("send", 3600, "Let Meta finish classifying the templates; wait."),
        132000: _never("Give as many parameters as the template has."),
        132001: _never("Create the template in this language, or have it approved."),
        132005: _never("Shorten the text: translated, it is too long."),
        132007: _never("Change the template: its content breaks a policy."),
        132008: _never("Correct the template's parameters."),
        132012: _never("Give the parameters in the format that the template asks for."),
        132015: _never("Improve the template: it is paused for its quality."),
        132016: _never("Use another template: this one was paused too often."),
        132018: _never("Correct the template's parameters."),
        132068: _never("Correct the flow: it is blocked."),
        132069: _later("send", 3600, "The flow may be sent ten times an hour; correct and wait."),
        133000: _never("Deregister the number once more: the last time was not finished."),
        133004: _again("Meta's registration is down for a moment; wait."),
        133010: _never("Register the phone number."),
        133015: _later("number", 300, "The number was deleted a moment ago; wait."),
        134011: _never("Accept the terms of payments."),
        134100: _never("Use a marketing template for this call."),
        134101: _later("send", 600, "The template is still on its way to this API; wait."),
        134102: _again("The template cannot be used yet; wait."),
        135000: _never("Check the parameters: Meta does not say which is wrong."),
        137000: _never("Verify the customer again: their identity changed."),
        2494100: _later("number", 60, "The number is in maintenance; wait."),
    }
)
