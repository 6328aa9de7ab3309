"""Errors of calls to Meta's administration, each as one sentence that says what to do."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeAlias

from gateway.core.text import sanitize

_FIELD = re.compile(r"nonexisting field \((\w{1,80})\)")
_AGAIN = "Try again in a few minutes."
_RENEW = (
    "Make a new one: a system user's in Meta Business Suite, or the temporary one on the app's "
    "page under WhatsApp > API Setup."
)
About: TypeAlias = Literal["app_id", "app_secret", "token", "id", ""]
APP_SECRET: Literal["app_secret"] = "app_secret"  # noqa: S105 - a name, not a secret
TOKEN: Literal["token"] = "token"  # noqa: S105 - a name, not a secret
_Advice: TypeAlias = tuple[About, str]
_BAD_TOKEN, _HANDSHAKE = 190, 2200
_PAGE = "the app's page under WhatsApp > API Setup"
_BY_SUBCODE: Mapping[tuple[int, int], _Advice] = {
    (190, 460): ("token", f"The token ended when its owner changed the password. {_RENEW}"),
    (190, 463): ("token", f"The access token has expired. {_RENEW}"),
    (190, 467): ("token", f"The token was revoked, or its owner logged out. {_RENEW}"),
    (100, 33): (
        "id",
        f"Meta knows no such id, or the token may not see it: compare the id with {_PAGE}, and "
        "give the system user access to the WhatsApp account.",
    ),
}
_PERMISSION: _Advice = (
    "token",
    "The token lacks a permission: generate it with whatsapp_business_management and "
    "whatsapp_business_messaging, and give its system user full control of the WhatsApp account.",
)
_BUSY: _Advice = "", f"Meta limits how often its administration may be called. {_AGAIN}"
_NO_SUCH_APP: _Advice = (
    "app_id",
    "Meta knows no app with this id: copy the app id from the app's page, Settings > Basic.",
)
_NOT_OF_THE_APP: _Advice = (
    "app_secret",
    "The app secret does not belong to the app id: copy both from the app's page, "
    "Settings > Basic.",
)
_BY_CODE: Mapping[int, _Advice] = {
    1: ("", f"Meta could not answer. {_AGAIN}"),
    2: ("", f"Meta's service is down for the moment. {_AGAIN}"),
    3: _PERMISSION,
    4: _BUSY,
    10: _PERMISSION,
    17: _BUSY,
    101: _NO_SUCH_APP,
    190: ("token", f"The access token is not valid: copy it whole, without spaces. {_RENEW}"),
    200: _PERMISSION,
    803: ("id", f"Meta knows no such id: compare it with {_PAGE}."),
    80007: _BUSY,
    80008: _BUSY,
}
# These say nothing about our input: Meta was not reached, or could not answer at that moment.
_PASSING = frozenset({0, *(code for code, told in _BY_CODE.items() if told[1].endswith(_AGAIN))})
# Meta sends these with code 100, and only its message distinguishes them.
_BY_WORDS: tuple[tuple[str, _Advice], ...] = (
    (
        "did not match the viewing app",
        ("token", "The access token belongs to another app: make one for the app of this app id."),
    ),
    (
        "your app must be subscribed",
        (
            "",
            "Meta sets another callback only for an app that has one already, with the field "
            "messages, and that is subscribed to the WhatsApp account: gateway tunnel sees to it.",
        ),
    ),
    (
        "invalid appsecret_proof",
        (APP_SECRET, "The proof of the app secret is wrong: the first secret is not the app's."),
    ),
    (
        "appsecret_proof",
        (
            "",
            "The app asks for a proof with each call: switch off Require App Secret on the app's "
            "page, Settings > Advanced, or say appsecret_proof: yes in a file of accounts.",
        ),
    ),
)


class SetupError(Exception):
    """Meta refused, or its answer cannot be used; the text is one sentence without secrets.

    `code` is 0 where Meta gave none: it was not reached, or another server than Graph answered.
    `about` names the one input that must change for Meta to agree, where there is just one.
    `field` is a requested field that this version of Graph lacks.
    """

    def __init__(
        self,
        sentence: str,
        *,
        code: int = 0,
        subcode: int = 0,
        trace: str = "",
        status: int = 0,
        about: About = "",
        field: str = "",
    ) -> None:
        """Store, beside the sentence, the details that Meta's support asks for."""
        super().__init__(sentence)
        self.sentence, self.about, self.field = sentence, about, field
        self.code, self.subcode, self.trace, self.status = code, subcode, trace, status

    @property
    def is_transient(self) -> bool:
        """Return whether the error says nothing about our input, and a retry may help."""
        return self.code in _PASSING and not self.about

    @property
    def reference(self) -> str:
        """Return the reference for Meta's support, "" if Meta did not answer."""
        parts = (("code", self.code), ("subcode", self.subcode), ("fbtrace_id", self.trace))
        return ", ".join(f"{name} {value}" for name, value in parts if value)


class AnswerTooLargeError(SetupError):
    """The answer is larger than any of Graph's should be; fewer rows of a list may fit."""


def setup_error(
    status: int, error: Mapping[str, Any], *, as_app: bool, secrets: Iterable[str]
) -> SetupError:
    """Build the error of Graph's own refusal; `as_app`: the call used the app's id and secret."""
    code, subcode = _integer(error.get("code")), _integer(error.get("error_subcode"))
    words = _redact(error.get("message"), secrets)
    about, sentence = _explain(code, subcode, words, as_app=as_app)
    field_match = _FIELD.search(str(error.get("message")))
    return SetupError(
        sentence,
        code=code,
        subcode=subcode,
        trace=_trace(error.get("fbtrace_id")),
        status=status,
        about=about,
        field=field_match[1] if field_match else "",
    )


def explain_token(code: int, subcode: int) -> str:
    """Explain why Meta says that a token is not valid, by code and subcode."""
    return _explain(code or _BAD_TOKEN, subcode, "", as_app=False)[1]


def _redact(words: object, secrets: Iterable[str]) -> str:
    """Return Meta's message without secrets: it quotes tokens that it cannot read."""
    text = words if isinstance(words, str) else ""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "…")
    return sanitize(text)


def _trace(trace: object) -> str:
    """Return Meta's trace id of a call; it is shorter than any token, so longer text is dropped."""
    return trace if isinstance(trace, str) and trace.isascii() and len(trace) < 40 else ""


def _explain(code: int, subcode: int, words: str, *, as_app: bool) -> tuple[About, str]:
    if code == _BAD_TOKEN and as_app:
        return _NO_SUCH_APP if "application id" in words.lower() else _NOT_OF_THE_APP
    if code == _HANDSHAKE:
        return "", f"Meta asked the callback for its handshake and did not get it: {words}"
    for part, advice in _BY_WORDS:
        if part in words.lower():
            return advice
    unknown: _Advice = "", f"Meta refuses this with code {code}: {words or 'it gives no reason'}"
    return _BY_SUBCODE.get((code, subcode)) or _BY_CODE.get(code) or unknown


def _integer(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
