"""What went wrong between us and Meta's administration, in one sentence that says what to do."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from gateway.core.foreign import fit

_FIELD = re.compile(r"nonexisting field \((\w{1,80})\)")
_AGAIN = "Try again in a few minutes."
_RENEW = (
    "Make a new one: a system user's in Meta Business Suite, or the temporary one on the app's "
    "page under WhatsApp > API Setup."
)
_BY_SUBCODE: Mapping[tuple[int, int], str] = {
    (190, 460): f"The access token ended when its owner changed the password. {_RENEW}",
    (190, 463): f"The access token has expired. {_RENEW}",
    (190, 467): f"The access token was revoked or its owner logged out. {_RENEW}",
    (100, 33): (
        "Meta knows no such id, or the token may not see it: compare the id with the app's page "
        "under WhatsApp > API Setup, and give the system user access to the WhatsApp account."
    ),
}
_PERMISSION = (
    "The token lacks a permission: generate it with whatsapp_business_management and "
    "whatsapp_business_messaging, and give its system user full control of the WhatsApp account."
)
_BUSY = f"Meta limits how often its administration may be called. {_AGAIN}"
_BY_CODE: Mapping[int, str] = {
    1: f"Meta could not answer. {_AGAIN}",
    2: f"Meta's service is down for the moment. {_AGAIN}",
    4: _BUSY,
    17: _BUSY,
    80007: _BUSY,
    80008: _BUSY,
    10: _PERMISSION,
    200: _PERMISSION,
    3: _PERMISSION,
    101: "Meta knows no app with this id: copy the app id from the app's page, Settings > Basic.",
    190: f"The access token is not valid: copy it whole, without spaces. {_RENEW}",
    803: "Meta knows no such id: compare it with the app's page under WhatsApp > API Setup.",
}
_NOT_OF_THE_APP = (
    "The app secret does not belong to the app id: copy both from the app's page, Settings > Basic."
)
# Meta says these with code 100, and only its words tell them apart.
_BY_WORDS: tuple[tuple[str, str], ...] = (
    (
        "did not match the viewing app",
        "The access token belongs to another app: make one for the app with this app id.",
    ),
    (
        "your app must be subscribed",
        "Meta sets another callback only for an app that has one already, with the field messages, "
        "and that is subscribed to the WhatsApp account: run gateway tunnel, which sees to both.",
    ),
    (
        "appsecret_proof",
        "The app asks for a proof with each call: switch off Require App Secret on the app's page, "
        "Settings > Advanced.",
    ),
)


class SetupError(Exception):
    """Meta refused, or its answer cannot be used; the text is one sentence and holds no secret.

    `code` is 0 where Meta gave none: it was not reached, or what answered was not Graph.
    `field` is one that was asked for and that this version of Graph has not.
    """

    def __init__(
        self,
        sentence: str,
        *,
        code: int = 0,
        subcode: int = 0,
        trace: str = "",
        status: int = 0,
        field: str = "",
    ) -> None:
        """Keep what Meta's support asks for beside the sentence."""
        super().__init__(sentence)
        self.sentence, self.field = sentence, field
        self.code, self.subcode, self.trace, self.status = code, subcode, trace, status

    @property
    def reference(self) -> str:
        """Return what to name to Meta's support, "" where Meta did not answer."""
        parts = (("code", self.code), ("subcode", self.subcode), ("fbtrace_id", self.trace))
        return ", ".join(f"{name} {value}" for name, value in parts if value)


def refused(
    status: int, error: Mapping[str, Any], *, as_app: bool, secrets: Iterable[str]
) -> SetupError:
    """Make the error of Graph's own refusal; `as_app` says that the app's id and secret asked."""
    code, subcode = _whole(error.get("code")), _whole(error.get("error_subcode"))
    words = _told(error.get("message"), secrets)
    sentence = _sentence(code, subcode, words, as_app=as_app)
    named = _FIELD.search(str(error.get("message")))
    return SetupError(
        sentence,
        code=code,
        subcode=subcode,
        trace=_trace(error.get("fbtrace_id")),
        status=status,
        field=named[1] if named else "",
    )


def _told(words: object, secrets: Iterable[str]) -> str:
    """Return Meta's words without what is secret: it quotes tokens that it cannot read."""
    text = words if isinstance(words, str) else ""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "…")
    return fit(text)


def _trace(trace: object) -> str:
    """Return Meta's id of a call; it is shorter than any token, so a longer one is none."""
    return trace if isinstance(trace, str) and trace.isascii() and len(trace) < 40 else ""


def _sentence(code: int, subcode: int, words: str, *, as_app: bool) -> str:
    if code == 190 and as_app:
        known = "application id" in words.lower()
        return _BY_CODE[101] if known else _NOT_OF_THE_APP
    if code == 2200:
        return f"Meta asked the callback for its handshake and did not get it: {words}"
    for part, sentence in _BY_WORDS:
        if part in words.lower():
            return sentence
    known_by = _BY_SUBCODE.get((code, subcode)) or _BY_CODE.get(code)
    return known_by or f"Meta refuses this with code {code}: {words or 'it gives no reason'}"


def _whole(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
