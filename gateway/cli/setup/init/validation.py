"""Validation of each answer to `gateway init` at Meta, as soon as it is given."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gateway.cli.setup.init import questions
from gateway.graph.admin.client import AdminClient
from gateway.graph.admin.errors import APP_SECRET, SetupError, explain_token
from gateway.graph.admin.models import MANAGEMENT, MESSAGING, NumberInfo, TokenInfo

Answers = Mapping[str, str]
SECRET_LENGTH = 32  # of an app secret: hexadecimal digits
LASTING = (
    "For one that lasts: business.facebook.com > Settings > Users > System users, Generate token, "
    "expiry Never, with both WhatsApp permissions."
)
_ABOUT = {"app_id": questions.APP_ID, "app_secret": questions.APP_SECRET, "token": questions.TOKEN}


class MistakeError(Exception):
    """An answer is wrong; `again` is the question to repeat, None if no answer can help."""

    def __init__(self, sentence: str, again: questions.Question | None) -> None:
        """Store both."""
        super().__init__(sentence)
        self.sentence, self.again = sentence, again


@dataclass(frozen=True, slots=True)
class ValidAnswer:
    """A right answer: what it turned out to be, warnings, and defaults for the next answers."""

    summary: str
    warnings: tuple[str, ...] = ()
    suggested: Answers = field(default_factory=dict)


def check(
    question: questions.Question, answers: Answers, meta: AdminClient, now: datetime
) -> ValidAnswer:
    """Check the latest answer at Meta, using the earlier ones. Raises MistakeError."""
    check_form(question, answers)
    try:
        return _CHECKS[question.name](answers, meta, now)
    except SetupError as error:
        reference = f" ({error.reference})" if error.reference else ""
        again = question if error.about == "id" else _ABOUT.get(error.about)
        raise MistakeError(error.sentence + reference, again) from None


def check_form(question: questions.Question, answers: Answers) -> None:
    """Check the form of the latest answer, which needs no Meta. Raises MistakeError."""
    if sentence := question.find_malformed(answers[question.name]):
        raise MistakeError(sentence, question)


def _app_id(answers: Answers, meta: AdminClient, now: datetime) -> ValidAnswer:
    return ValidAnswer("")  # It can only be tried together with the secret.


def _app_secret(answers: Answers, meta: AdminClient, now: datetime) -> ValidAnswer:
    try:
        app = meta.app()
    except SetupError as error:
        length = len(answers[questions.APP_SECRET.name].partition(",")[0])
        if error.about != APP_SECRET or length == SECRET_LENGTH:
            raise
        sentence = f"{error.sentence} Meta's have {SECRET_LENGTH} characters, and this has {length}"
        raise MistakeError(f"{sentence}.", questions.APP_SECRET) from None
    return ValidAnswer(f"it is that of the app {app.name or answers[questions.APP_ID.name]}")


def _token(answers: Answers, meta: AdminClient, now: datetime) -> ValidAnswer:
    info = meta.token_info()
    if not info.valid:
        raise MistakeError(explain_token(info.code, info.subcode), questions.TOKEN)
    if info.app_id != answers[questions.APP_ID.name]:
        raise MistakeError(
            "The access token belongs to another app: make one for the app of this app id.",
            questions.TOKEN,
        )
    if missing := info.missing_scopes(MANAGEMENT, MESSAGING):
        raise MistakeError(
            f"The access token lacks {' and '.join(missing)}: generate it with both permissions.",
            questions.TOKEN,
        )
    accounts = info.targets.get(MANAGEMENT, ())
    suggested = {questions.WABA_ID.name: accounts[0]} if len(accounts) == 1 else {}
    return ValidAnswer(*_describe_expiry(info, now), suggested)


def _describe_expiry(info: TokenInfo, now: datetime) -> tuple[str, tuple[str, ...]]:
    if info.is_permanent:
        return "a system user's, which does not run out", ()
    kind = "a system user's" if info.type == "SYSTEM_USER" else "the temporary one"
    if info.expires_at is None:
        return "a user's, which has no end", (LASTING,)
    left = _format_span(info.expires_at - now)
    ends = f"It ends in {left} ({info.expires_at:%Y-%m-%d %H:%M} UTC), and then nothing is sent."
    return f"valid, and {kind}", (ends, LASTING)


def _format_span(left: timedelta) -> str:
    hours = int(left.total_seconds() // 3600)
    return f"{hours // 24} days" if hours >= 48 else f"{hours} h" if hours else "less than an hour"


def _waba_id(answers: Answers, meta: AdminClient, now: datetime) -> ValidAnswer:
    numbers = meta.numbers(answers[questions.WABA_ID.name])
    if not numbers:
        raise MistakeError(
            "This WhatsApp account has no phone number: add one on the app's page under "
            "WhatsApp > API Setup.",
            questions.WABA_ID,
        )
    suggested = {questions.NUMBER_ID.name: numbers[0].id} if len(numbers) == 1 else {}
    many = "1 number" if len(numbers) == 1 else f"{len(numbers)} numbers"
    return ValidAnswer(f"an account with {many}", (), suggested)


def _number_id(answers: Answers, meta: AdminClient, now: datetime) -> ValidAnswer:
    wanted = answers[questions.NUMBER_ID.name]
    ids = [number.id for number in meta.numbers(answers[questions.WABA_ID.name])]
    if wanted not in ids:
        raise MistakeError(
            f"This number is not one of the account's: its numbers have the ids {', '.join(ids)}.",
            questions.NUMBER_ID,
        )
    number = meta.number(wanted)
    display_name = " ".join(part for part in (number.display, number.name) if part)
    return ValidAnswer(display_name or "one of the account's", tuple(_number_warnings(number)))


def _number_warnings(number: NumberInfo) -> list[str]:
    warnings = []
    if number.status not in ("", "CONNECTED"):
        warnings.append(
            f"Its status is {number.status}: a number sends once it is registered with a PIN "
            "(docs/meta-setup.md)."
        )
    if number.mode == "SANDBOX":
        warnings.append(
            "It is a test number: it writes only to the phones of its list, others are refused "
            "with 131030. Add yours on the app's page under WhatsApp > API Setup, To."
        )
    return warnings


_CHECKS: Mapping[str, Callable[[Answers, AdminClient, datetime], ValidAnswer]] = {
    questions.APP_ID.name: _app_id,
    questions.APP_SECRET.name: _app_secret,
    questions.TOKEN.name: _token,
    questions.WABA_ID.name: _waba_id,
    questions.NUMBER_ID.name: _number_id,
}
