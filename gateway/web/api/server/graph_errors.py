"""Errors of the Meta-shaped addresses, in Graph's form, of the same kinds as all of the API."""

import re
from collections.abc import Mapping

from starlette.responses import Response

from gateway.core.api.cloud_api.graph_error import (
    BAD_TOKEN,
    NO_PERMISSION,
    SOMETHING_WENT_WRONG,
    UNAVAILABLE,
    GraphError,
    invalid_fields,
    no_such_object,
)
from gateway.core.sending.error_codes import INVALID_PARAMETER
from gateway.core.sending.outcome import THROUGHPUT
from gateway.web.api.json_body import json_response
from gateway.web.api.problems import TYPES, ApiError

_PATH = re.compile(r"/v[0-9]+\.[0-9]+/")
_CODES: Mapping[str, int] = {
    "unauthorized": BAD_TOKEN,
    "forbidden": NO_PERMISSION,
    "rate": THROUGHPUT,
    "internal": SOMETHING_WENT_WRONG,
    "unavailable": UNAVAILABLE,
}
# What Meta has no status of its own for keeps ours; all else has the status of its code.
_KEPT_STATUSES = frozenset({"timeout", "too-large", "unavailable"})


class CloudApiError(Exception):
    """An error that a client sees, in Graph's form."""

    def __init__(self, error: GraphError, headers: Mapping[str, str] | None = None) -> None:
        """Take the error, and headers of the answer."""
        super().__init__(error.code)
        self.error, self.headers = error, dict(headers or {})


def is_cloud_path(path: str) -> bool:
    """Say whether an address is one of Meta's form, which begins with a version of Graph."""
    return _PATH.match(path) is not None


def graph_response(error: GraphError, headers: Mapping[str, str] | None = None) -> Response:
    """Return the answer with an error."""
    answer = json_response(error.to_dict(), error.http_status)
    answer.headers.update(headers or {})
    return answer


def error_response(error: ApiError, method: str, path: str) -> Response:
    """Return the answer with an error of the API, in the form of the address."""
    if not is_cloud_path(path):
        return error.response()
    return graph_response(to_graph_error(error, method), error.headers)


def to_graph_error(error: ApiError, method: str) -> GraphError:
    """Return an error of the API in Graph's form."""
    if error.kind == "invalid":
        return invalid_fields(error.errors)
    if error.kind == "not-found":
        return no_such_object(method)
    about = TYPES[error.kind]
    status = about.status if error.kind in _KEPT_STATUSES else 0
    return GraphError(
        _CODES.get(error.kind, INVALID_PARAMETER), error.detail or about.advice, status=status
    )
