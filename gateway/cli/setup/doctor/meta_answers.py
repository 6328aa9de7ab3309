"""Answers of Meta to the doctor's questions, and conclusions from several of them; pure."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias, TypeVar
from urllib.parse import urlsplit

from gateway.cli.setup.doctor.findings import Finding, Unseen, broken, unseen
from gateway.graph.admin.errors import SetupError
from gateway.graph.admin.models import (
    MANAGEMENT,
    WHATSAPP,
    AppCallback,
    AppInfo,
    NumberInfo,
    SubscribedApp,
    TemplateInfo,
    TokenInfo,
)

T = TypeVar("T")
MetaResult: TypeAlias = T | SetupError | Unseen

NOT_ASKED = Unseen("nobody asked Meta")
NO_APP = Unseen("META_APP_ID is not set")
NO_ACCOUNT = Unseen("META_WABA_ID is not set")
NO_LOGIN = 190


@dataclass(frozen=True, slots=True)
class Handshake:
    """Result of a handshake with the callback in force, using our verify token."""

    wrong: str = ""  # "" if it answered as the gateway does
    away: str = ""  # the reason that nothing answered


@dataclass(frozen=True, slots=True)
class MetaAnswers:
    """Answer of Meta to each question, or why there is none."""

    now: datetime
    app_id: str = ""
    number_id: str = ""
    per_second: int = 80
    secrets: tuple[MetaResult[AppInfo], ...] = ()  # the app, as read with each of our secrets
    token: MetaResult[TokenInfo] = NOT_ASKED
    number: MetaResult[NumberInfo] = NOT_ASKED
    numbers: MetaResult[tuple[NumberInfo, ...]] = NOT_ASKED  # of the account
    subscribed: MetaResult[tuple[SubscribedApp, ...]] = NOT_ASKED
    callbacks: MetaResult[tuple[AppCallback, ...]] = NOT_ASKED  # the app's own
    handshake: Handshake | Unseen = NOT_ASKED
    templates: MetaResult[tuple[TemplateInfo, ...]] = NOT_ASKED  # that have the names of ours

    @property
    def unreachable_reason(self) -> str:
        """Return why Graph answered no question, "" if it answered one, even with a refusal."""
        results: tuple[MetaResult[Any], ...] = (
            self.number, *self.secrets, self.token, self.numbers, self.subscribed, self.callbacks,
        )  # fmt: skip
        errors = [one for one in results if isinstance(one, SetupError)]
        answers = [one for one in results if not isinstance(one, SetupError | Unseen)]
        if answers or any(one.code for one in errors):
            return ""
        # A secret that fits in no header was never sent, which says nothing about Meta.
        if unreachable := [one.sentence for one in errors if not one.about]:
            return unreachable[0]
        return f"Meta did not answer: {self.number.why}." if isinstance(self.number, Unseen) else ""


def answer_or_unseen(result: MetaResult[T]) -> T | Unseen:
    """Return an answer, or an Unseen; the check of the refused credential reports the refusal."""
    if not isinstance(result, SetupError):
        return result
    if credential := refused_credential(result):
        return Unseen(f"Meta does not take the {credential}")
    return Unseen(
        result.sentence if result.is_transient else f"Meta refuses to say it (code {result.code})"
    )


def error_finding(error: SetupError, prefix: str = "") -> Finding:
    """Return the finding for a refusal of Meta; unseen if Meta only could not answer."""
    if error.is_transient:
        return unseen(error.sentence)
    return broken(f"{prefix}{error.sentence}", advised=True)


def refused_credential(error: SetupError) -> str:
    """Return the credential that Meta does not accept; "" if it refuses something else."""
    if error.about in ("app_id", "app_secret"):
        return "app secret"
    return "token" if error.about == "token" and error.code in (NO_LOGIN, 0) else ""


def by_token(meta: MetaAnswers, result: MetaResult[T]) -> MetaResult[T]:
    """Return a result of the token, or an Unseen if the token is the reason for its refusal."""
    if isinstance(result, SetupError):
        if refused_credential(result):
            return answer_or_unseen(result)
        if isinstance(meta.token, TokenInfo) and meta.token.missing_scopes(MANAGEMENT):
            return Unseen(f"the token lacks {MANAGEMENT}")
    return result


def valid_token(result: MetaResult[TokenInfo]) -> TokenInfo | Unseen:
    """Return the token's information if Meta accepts the token."""
    info = answer_or_unseen(result)
    if isinstance(info, TokenInfo) and not info.valid:
        return Unseen("the token is not valid")
    return info


def callback_in_force(meta: MetaAnswers) -> tuple[str, str] | Unseen:
    """Return the callback for the number's messages, "" if there is none, and whose it is."""
    if isinstance(meta.number, NumberInfo):
        if own := meta.number.callbacks.number:
            return own, "The number's own"
        if account := meta.number.callbacks.account:
            return account, "The account's"
    if isinstance(meta.subscribed, tuple):
        ours = (one.override for one in meta.subscribed if one.id == meta.app_id)
        if account := next(ours, ""):
            return account, "The account's"
    callbacks = answer_or_unseen(meta.callbacks)
    if isinstance(callbacks, Unseen):
        uri = meta.number.callbacks.app if isinstance(meta.number, NumberInfo) else ""
        return (uri, "The app's") if uri else callbacks
    return next((one.uri for one in callbacks if one.object == WHATSAPP), ""), "The app's"


def redact_address(address: str) -> str:
    """Return an address without the parts that may be secret."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return "one that is no address"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def of_meta(take: Callable[[MetaAnswers], T | Unseen]) -> Callable[[Any], T | Unseen]:
    """Return a getter for one part of Meta's answers, which first checks that there are any."""

    def of(facts: Any) -> T | Unseen:
        meta: MetaAnswers | Unseen = facts.meta
        if isinstance(meta, Unseen):
            return meta
        return Unseen("Meta cannot be reached") if meta.unreachable_reason else take(meta)

    return of
