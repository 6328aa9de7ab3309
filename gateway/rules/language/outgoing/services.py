"""Services: applications of the operator's that rules call, named at the top of a file."""

from datetime import timedelta
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from gateway.core.web_address import find_address_problem
from gateway.rules.language.refusals import refuse
from gateway.rules.language.times.durations import Duration
from gateway.rules.language.types import Matching, Model

SERVICE = r"[A-Za-z][A-Za-z0-9_-]{0,63}"
MOST_TIMEOUT = timedelta(seconds=60)


def _base_url(word: str) -> str:
    """Accept the address below which a service answers; its secret stands elsewhere."""
    if problem := find_address_problem(word):
        refuse(problem)
    parts = urlsplit(word)
    if parts.query:
        refuse("must be an address without `?`, which each call may add")
    if "{{" in word or not {".", ".."}.isdisjoint(parts.path.split("/")):
        refuse("must be one address, without placeholders and without `..`")
    return word.rstrip("/")


def _timeout(lasts: timedelta) -> timedelta:
    return lasts if lasts <= MOST_TIMEOUT else refuse("must be 60s at most: a customer waits")


ServiceName = Annotated[str, Matching(SERVICE, "orders")]
BaseUrl = Annotated[str, AfterValidator(_base_url)]
VariableName = Annotated[str, Matching(r"[A-Z_][A-Z0-9_]{0,99}", "ORDERS_TOKEN")]
HeaderName = Annotated[str, Matching(r"[A-Za-z][A-Za-z0-9-]{0,63}", "X-Api-Key")]
Timeout = Annotated[Duration, AfterValidator(_timeout)]


class Service(Model):
    """One application that rules call."""

    url: BaseUrl = Field(description="The address below which all paths of its calls lie.")
    auth: VariableName | None = Field(
        default=None,
        description="The environment variable of its secret, sent as `Authorization: Bearer …`.",
    )
    header: HeaderName = Field(
        default="Authorization",
        description="The header for the secret, where it is another: there it stands alone.",
    )
    timeout: Timeout = Field(
        default=timedelta(seconds=5), description="How long it may take to answer: 60s at most."
    )
    repeat: bool = Field(
        default=False,
        description="`yes`: it knows `Idempotency-Key`, so that not only a GET may be repeated.",
    )


NamedServices = dict[ServiceName, Service]
