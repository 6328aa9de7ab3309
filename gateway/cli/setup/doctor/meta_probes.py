"""The looks at Meta's side: each call once, all at once, and then the callback in force."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

from gateway.cli.common import callback_probe
from gateway.cli.common.callback_probe import Probe
from gateway.cli.setup.doctor.findings import Unseen
from gateway.cli.setup.doctor.meta_answers import (
    NO_ACCOUNT,
    NO_APP,
    Asked,
    Handshake,
    MetaAnswers,
    in_force,
)
from gateway.cli.setup.doctor.probes import Look
from gateway.config.settings import Settings
from gateway.graph.admin.client import AdminClient
from gateway.graph.admin.errors import SetupError

T = TypeVar("T")

CALL_S = 8.0
SECRET = "secret "  # noqa: S105 - the beginning of a look's name


def looks(settings: Settings) -> dict[str, Look]:
    """Return a look for each question, by the field of `Meta` that it answers."""
    app, account = settings.meta_app_id, settings.meta_waba_id
    number = settings.meta_phone_number_id
    keys = [one.get_secret_value() for one in settings.meta_app_secret]

    def ask(question: Callable[[AdminClient], T], key: str = keys[0]) -> Look:
        return lambda: _asked(settings, key, question)

    found = {"number": ask(lambda setup: setup.number(number))}
    for place, key in enumerate(keys if app else []):
        found[f"{SECRET}{place}"] = ask(lambda setup: setup.app(), key)
    if app:
        found["token"] = ask(lambda setup: setup.token_info())
        found["callbacks"] = ask(lambda setup: setup.callbacks())
    if account:
        found["numbers"] = ask(lambda setup: setup.numbers(account))
        found["subscribed"] = ask(lambda setup: setup.subscribed_apps(account))
    return found


def meta(settings: Settings, found: dict[str, Any], now: datetime | None = None) -> MetaAnswers:
    """Put the answers together; what could not be asked says which setting is missing."""
    account = {"numbers": NO_ACCOUNT, "subscribed": NO_ACCOUNT}
    fields = {"token": NO_APP, "callbacks": NO_APP} | account | found
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


def handshake(settings: Settings, asked: MetaAnswers) -> Handshake | Unseen:
    """Ask the callback in force as Meta does when it is set, with our verify token."""
    found = in_force(asked)
    if isinstance(found, Unseen):
        return found
    if not found[0]:
        return Unseen("there is no callback")
    with Probe(found[0]) as probe:
        seen, challenge = probe.handshake(settings.meta_verify_token.get_secret_value(), found[0])
    if not seen.status:
        return Handshake(away=seen.kind)
    told = callback_probe.handshake(seen, challenge)
    return Handshake("" if told.tone == "good" else f"{told.told[:1].upper()}{told.told[1:]}.")


def _asked(settings: Settings, key: str, question: Callable[[AdminClient], T]) -> Asked[T]:
    with AdminClient(
        settings.meta_graph_url,
        settings.meta_graph_version,
        app_id=settings.meta_app_id,
        app_secret=key,
        token=settings.meta_access_token.get_secret_value(),
        total_s=CALL_S,
    ) as setup:
        try:
            return question(setup)
        except SetupError as error:
            return error
