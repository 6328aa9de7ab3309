"""Questions of `gateway init`: label, place on Meta's pages, and form of the answer."""

import re
from dataclasses import dataclass

_ID = re.compile(r"\d{5,25}")
# Other characters would need quotes in .env, and Meta's secrets contain none of them.
_SECRET = re.compile(r"[A-Za-z0-9_|.,~+/=-]*")
_SHORTEST, _LONGEST = 5, 2000
_NO_ID = "is an id: digits only"
_NONE = "is missing: paste it, and press Enter"
_SHORT = "is too short to be whole: copy it again"
_LONG = "is too long to be one: copy it again, and nothing else"
_ODD = "holds characters that Meta uses in none: copy it again, whole and without spaces"


@dataclass(frozen=True, slots=True)
class Question:
    """One question; `name` is that of its setting."""

    name: str
    label: str
    where: str
    secret: bool = False
    otherwise: str = ""  # The sentence about an answer of another form.

    def find_malformed(self, answer: str) -> str:
        """Return a sentence on what is wrong with the form of an answer, without it; "" if none."""
        problem = _describe_secret(answer) if self.secret else self._describe_id(answer)
        return f"The {self.label} {problem}." if problem else ""

    def _describe_id(self, answer: str) -> str:
        return "" if _ID.fullmatch(answer) else self.otherwise or _NO_ID


def _describe_secret(answer: str) -> str:
    """Say what is wrong with the form of a secret, "" if nothing is."""
    if not answer:
        return _NONE
    if not _SECRET.fullmatch(answer):
        return _ODD
    return _SHORT if len(answer) < _SHORTEST else _LONG if len(answer) > _LONGEST else ""


APP_ID = Question(
    "META_APP_ID", "app id", "developers.facebook.com > My Apps > your app > App settings > Basic"
)
APP_SECRET = Question(
    "META_APP_SECRET", "app secret", "the same page, behind Show beside App secret", secret=True
)
TOKEN = Question(
    "META_ACCESS_TOKEN",
    "access token",
    "your app > WhatsApp > API Setup > Generate access token, which lasts a day; or, to last, "
    "business.facebook.com > Settings > Users > System users > Generate token",
    secret=True,
)
WABA_ID = Question(
    "META_WABA_ID",
    "WhatsApp Business Account id",
    "your app > WhatsApp > API Setup, below the phone number",
)
NUMBER_ID = Question(
    "META_PHONE_NUMBER_ID",
    "phone number id",
    "the same page, beside it",
    otherwise="is the id that Meta gave the number, digits only, and not the number itself",
)
QUESTIONS = (APP_ID, APP_SECRET, TOKEN, WABA_ID, NUMBER_ID)
