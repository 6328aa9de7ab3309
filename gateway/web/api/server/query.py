"""Queries of requests: every address refuses what it does not know, and what is there twice."""

from collections import Counter
from collections.abc import Mapping

from starlette.requests import Request

from gateway.core.api.field_errors import MOST_UNKNOWN, FieldError, FieldReader, escape
from gateway.core.api.lists.list_request import read_number
from gateway.web.api.problems import ApiError


def read_query(request: Request) -> Mapping[str, str]:
    """Return the parameters of a query. Raises ApiError for one that is there twice."""
    counts = Counter(name for name, _ in request.query_params.multi_items())
    twice = [name for name, count in counts.items() if count > 1][:MOST_UNKNOWN]
    if twice:
        errors = [FieldError(f"#/{escape(name)}", "is there more than once") for name in twice]
        raise ApiError("invalid", errors=errors)
    return dict(request.query_params)


def check_query(request: Request, *known: str) -> Mapping[str, str]:
    """Return the parameters of a query. Raises ApiError for one that nothing reads.

    A misspelled dry_run would send, and a rule that a hold names in the query would stop a number.
    """
    if not request.scope["query_string"]:
        return {}
    query = read_query(request)
    reader = FieldReader(query)
    reader.refuse_unknown(frozenset(known))
    if reader.errors:
        raise ApiError("invalid", errors=reader.errors)
    return query


def read_dry_run(request: Request) -> bool:
    """Return whether nothing is to be sent. Raises ApiError."""
    text = check_query(request, "dry_run").get("dry_run", "false").lower()
    if text not in ("true", "false"):
        raise ApiError("invalid", errors=[FieldError("#/dry_run", "must be true or false")])
    return text == "true"


def read_limit(query: Mapping[str, str], usual: int, most: int) -> int:
    """Return how many items of a list are asked for. Raises ApiError."""
    reader = FieldReader(query)
    limit = read_number(reader, "limit", 1, most)
    if reader.errors:
        raise ApiError("invalid", errors=reader.errors)
    return limit or usual
