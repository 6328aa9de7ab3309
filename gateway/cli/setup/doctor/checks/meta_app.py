"""Checks of the app at Meta: whether Meta answers, and accepts our secret and our token; pure."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

from gateway.cli.setup.doctor.findings import (
    Check,
    Finding,
    Unseen,
    both,
    broken,
    fine,
    unseen,
    warning,
)
from gateway.cli.setup.doctor.meta_answers import (
    MetaAnswers,
    error_finding,
    of_meta,
    refused_credential,
    valid_token,
)
from gateway.graph.admin.errors import SetupError, explain_token
from gateway.graph.admin.models import MANAGEMENT, MESSAGING, SYSTEM_USER, TokenInfo
from gateway.graph.admin.versions import support_status

SOON = timedelta(days=7)
VERSION_SOON = timedelta(days=90)
CHECK_ADDRESS = "Check META_GRAPH_URL and the network between."


def graph(meta: MetaAnswers) -> Iterator[Finding]:
    """Check that Meta can be reached at all."""
    if meta.unreachable_reason:
        yield broken(meta.unreachable_reason.removesuffix(f" {CHECK_ADDRESS}"))
    else:
        yield fine("Meta answered.")


def version(inputs: tuple[str, date]) -> Iterator[Finding]:
    """Check that Meta serves this version, and still will for a while."""
    name, today = inputs
    state, end = support_status(name, today)
    if state == "ended":
        yield broken(f"Meta serves {name} no more{f' since {end}' if end else ''}.")
    elif end and end - today <= VERSION_SOON:
        yield warning(f"Meta serves {name} until {end}.")
    elif end:
        yield fine(f"Meta serves {name} until {end}.")
    elif state == "served":
        yield fine(f"Meta serves {name}, and has not said until when.")
    else:
        yield unseen(f"this release does not know until when Meta serves {name}")


def secret(meta: MetaAnswers) -> Iterator[Finding]:
    """Check that each secret is the app's; otherwise every delivery would be refused."""
    total = len(meta.secrets)
    for position, answer in enumerate(meta.secrets, 1):
        which = f"Secret {position} of {total}: " if total > 1 else ""
        match answer:
            case SetupError():
                yield error_finding(answer, which)
            case Unseen():
                yield unseen(answer.why)
            case _:
                yield fine("It is the app's.")


def token(meta: MetaAnswers) -> Iterator[Finding]:
    """Check that Meta accepts the token."""
    info, number = meta.token, meta.number
    if isinstance(info, TokenInfo):
        if not info.valid:
            yield broken(explain_token(info.code, info.subcode), advised=True)
        elif info.app_id and info.app_id != meta.app_id:
            yield broken(f"The token is of app {info.app_id}, and META_APP_ID is {meta.app_id}.")
        else:
            yield fine(f"It is valid, and of type {info.type or 'unknown'}.")
    elif isinstance(info, SetupError) and not (refused_credential(info) or info.is_transient):
        yield error_finding(info)
    elif isinstance(number, SetupError):
        says = refused_credential(number) or number.is_transient
        yield error_finding(number) if says else unseen("Meta did not say what it is")
    elif isinstance(number, Unseen):
        yield unseen(number.why)
    else:
        yield fine("Meta takes it.")


def token_end(inputs: tuple[TokenInfo, datetime]) -> Iterator[Finding]:
    """Check that the token does not expire soon."""
    info, now = inputs
    if info.expires_at is None:
        yield fine("It does not run out.")
    elif info.expires_at <= now:
        yield broken(f"It ran out at {info.expires_at:%Y-%m-%d %H:%M} UTC.")
    elif info.expires_at - now <= SOON or info.type != SYSTEM_USER:
        what = "It" if info.type == SYSTEM_USER else "It is a temporary one, and"
        yield warning(f"{what} runs out at {info.expires_at:%Y-%m-%d %H:%M} UTC.")
    else:
        yield fine(f"It runs out at {info.expires_at:%Y-%m-%d} and is a system user's.")


def token_scopes(info: TokenInfo) -> Iterator[Finding]:
    """Check that the token has the scopes that it needs."""
    if info.missing_scopes(MESSAGING):
        yield broken(f"It lacks {MESSAGING}, without which nothing is sent.")
    if info.missing_scopes(MANAGEMENT):
        yield warning(f"It lacks {MANAGEMENT}, without which Meta tells less here.")
    if not info.missing_scopes(MESSAGING, MANAGEMENT):
        yield fine("It may send, and ask for what is set up.")


CHECKS: tuple[Check[Any], ...] = (
    Check(
        "meta", "graph version", lambda facts: facts.version, version,
        "Read Meta's changelog, set META_GRAPH_VERSION to a newer one, and try it.",
    ),
    Check(
        "meta", "graph", lambda facts: facts.meta, graph,
        CHECK_ADDRESS,
    ),
    Check(
        "meta", "app secret", of_meta(lambda meta: meta), secret,
        "Copy it from the app's page, Settings > Basic, to META_APP_SECRET.",
    ),
    Check(
        "meta", "token", of_meta(lambda meta: meta), token,
        "Make a new one for this app, best a system user's, and put it into META_ACCESS_TOKEN.",
    ),
    Check(
        "meta", "token end", of_meta(lambda meta: both(valid_token(meta.token), meta.now)),
        token_end,
        "Make a system user's token, which does not run out, in Meta Business Suite.",
    ),
    Check(
        "meta", "token scopes", of_meta(lambda meta: valid_token(meta.token)), token_scopes,
        "Generate it anew with whatsapp_business_messaging and whatsapp_business_management.",
    ),
)  # fmt: skip
