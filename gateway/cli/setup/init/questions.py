"""What `gateway init` asks: what each is called, where Meta shows it, and how it looks."""

import re
from dataclasses import dataclass

_ID = re.compile(r"\d{5,25}")
# What is no part of a secret would have to be quoted in .env, and Meta uses none of it.
_SECRET = re.compile(r"[A-Za-z0-9_|.,~+/=-]{5,2000}")
_NO_ID = "is an id: digits only"
_ODD = "holds characters that Meta uses in none: copy it again, whole and without spaces"


@dataclass(frozen=True, slots=True)
class Question:
    """One thing to ask; `name` is that of its setting."""

    name: str
    label: str
    where: str
    secret: bool = False
    otherwise: str = ""  # What is said of an answer of another form.

    def fits(self, answer: str) -> bool:
        """Tell whether an answer has the form of one."""
        return bool((_SECRET if self.secret else _ID).fullmatch(answer))

    @property
    def malformed(self) -> str:
        """Return the sentence for an answer that does not fit, without the answer."""
        problem = self.otherwise or (_ODD if self.secret else _NO_ID)
        return f"The {self.label} {problem}."


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
