"""Probes of Meta: each question once, all at the same time, and then the callback in force."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from gateway.cli.common import callback_probe
from gateway.cli.common.callback_probe import Probe
from gateway.cli.setup.doctor.findings import Unseen
from gateway.cli.setup.doctor.meta_answers import (
    NO_ACCOUNT,
    NO_APP,
    Handshake,
    MetaAnswers,
    MetaResult,
    callback_in_force,
)
from gateway.cli.setup.doctor.probes import Look
from gateway.config.settings import Settings
from gateway.graph.admin.client import AdminClient
from gateway.graph.admin.errors import SetupError
from gateway.graph.admin.models import TemplateInfo
from gateway.rules.matching.action import NamedTemplate

T = TypeVar("T")

CALL_S = 8.0
SECRET = "secret "  # noqa: S105 - prefix of a probe's name


def build_looks(settings: Settings, proof_secret: bytes = b"") -> dict[str, Look]:
    """Return a probe for each question, by the field of `MetaAnswers` that it fills.

    `proof_secret` is the app secret of which the account sends a proof with its token.
    """
    app, account = settings.meta_app_id, settings.meta_waba_id
    number = settings.meta_phone_number_id
    keys = [one.get_secret_value() for one in settings.meta_app_secret]

    def ask(question: Callable[[AdminClient], T], key: str = keys[0]) -> Look:
        return lambda: _call_meta(settings, key, question, proof_secret)

    looks = {"number": ask(lambda setup: setup.number(number))}
    for index, key in enumerate(keys if app else []):
        looks[f"{SECRET}{index}"] = ask(lambda setup: setup.app(), key)
    if app:
        looks["token"] = ask(lambda setup: setup.token_info())
        looks["callbacks"] = ask(lambda setup: setup.callbacks())
    if account:
        looks["numbers"] = ask(lambda setup: setup.numbers(account))
        looks["subscribed"] = ask(lambda setup: setup.subscribed_apps(account))
    return looks


def build_answers(
    settings: Settings, results: dict[str, Any], now: datetime | None = None
) -> MetaAnswers:
    """Combine the answers; a question that could not be asked names the missing setting."""
    account = {"numbers": NO_ACCOUNT, "subscribed": NO_ACCOUNT}
    fields = {"token": NO_APP, "callbacks": NO_APP} | account | results
    answers = {name: one for name, one in fields.items() if not name.startswith(SECRET)}
    apps = tuple(one for name, one in fields.items() if name.startswith(SECRET))
    return MetaAnswers(
        now=now or datetime.now(UTC),
        app_id=settings.meta_app_id,
        number_id=settings.meta_phone_number_id,
        per_second=settings.meta_messages_per_second,
        secrets=apps or (NO_APP,),
        **answers,
    )


def probe_handshake(settings: Settings, answers: MetaAnswers) -> Handshake | Unseen:
    """Send a handshake to the callback in force, as Meta does when it is set."""
    callback = callback_in_force(answers)
    if isinstance(callback, Unseen):
        return callback
    if not callback[0]:
        return Unseen("there is no callback")
    with Probe(callback[0]) as probe:
        answer, challenge = probe.request_handshake(
            settings.meta_verify_token.get_secret_value(), callback[0]
        )
    if not answer.status:
        return Handshake(away=answer.kind)
    check = callback_probe.check_handshake(answer, challenge)
    return Handshake(
        "" if check.tone == "good" else f"{check.reason[:1].upper()}{check.reason[1:]}."
    )


def read_templates(
    settings: Settings, templates: Sequence[NamedTemplate], proof_secret: bytes = b""
) -> MetaResult[tuple[TemplateInfo, ...]]:
    """Return what Meta knows under the names of templates, in all languages."""
    if not settings.meta_waba_id:
        return NO_ACCOUNT
    names = dict.fromkeys(one.name for one in templates)

    def ask(setup: AdminClient) -> tuple[TemplateInfo, ...]:
        found = (setup.templates(settings.meta_waba_id, name) for name in names)
        return tuple(one for each in found for one in each)

    key = settings.meta_app_secret[0].get_secret_value()
    return _call_meta(settings, key, ask, proof_secret)


def _call_meta(
    settings: Settings, key: str, question: Callable[[AdminClient], T], proof_secret: bytes
) -> MetaResult[T]:
    with AdminClient(
        settings.meta_graph_url,
        settings.meta_graph_version,
        app_id=settings.meta_app_id,
        app_secret=key,
        token=settings.meta_access_token.get_secret_value(),
        total_s=CALL_S,
        proof_secret=proof_secret,
    ) as setup:
        try:
            return question(setup)
        except SetupError as error:
            return error
