"""Problems: every error of the API, in the form of RFC 9457, and the pages about them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.responses import Response

from gateway.core.api.field_errors import FieldError

PAGES = "/v1/problems"
MEDIA_TYPE = "application/problem+json"
MOST_ERRORS = 50  # so many are listed: a body can have a hundred thousand


@dataclass(frozen=True, slots=True)
class ProblemType:
    """A kind of error: its status, its title, and what to do about it."""

    status: int
    title: str
    advice: str


TYPES: Mapping[str, ProblemType] = {
    "malformed": ProblemType(
        400,
        "The request cannot be read",
        "Send JSON in UTF-8, with the media type application/json.",
    ),
    "unauthorized": ProblemType(
        401,
        "A key is needed",
        "Send a key of the gateway as Authorization: Bearer KEY. gateway api-keys new makes one.",
    ),
    "forbidden": ProblemType(
        403, "The key may not do this", "Use a key that has the scope, or is bound to the number."
    ),
    "not-found": ProblemType(
        404,
        "There is no such thing",
        "Check the address and the id. Messages are kept for 30 days, results of tasks for "
        "GATEWAY_RESULTS.",
    ),
    "method": ProblemType(405, "The method is not supported here", "See the header Allow."),
    "timeout": ProblemType(408, "The request did not arrive in time", "Send the body at once."),
    "conflict": ProblemType(
        409,
        "The present state does not allow it",
        "A message can be changed until its first attempt begins.",
    ),
    "too-large": ProblemType(413, "The request is too large", "Split it into several requests."),
    "media-type": ProblemType(
        415, "The media type is not supported", "Send application/json in UTF-8."
    ),
    "invalid": ProblemType(
        422, "The request has errors", "Correct every place that is listed in errors."
    ),
    "key-reused": ProblemType(
        422,
        "The Idempotency-Key was used with another request",
        "Use a new key for each message; repeat a request unchanged.",
    ),
    "cursor-mismatch": ProblemType(
        422,
        "The cursor does not belong to this list",
        "Use next_cursor only with the filters and the key of the page that gave it; to begin "
        "again, leave cursor out.",
    ),
    "rate": ProblemType(
        429, "Too many requests", "Wait for as many seconds as the header Retry-After says."
    ),
    "internal": ProblemType(
        500, "An error of the gateway", "Repeat the request later, with the same Idempotency-Key."
    ),
    "upstream": ProblemType(
        502, "Meta did not do it", "See the detail: what is known from before is unchanged."
    ),
    "unavailable": ProblemType(
        503,
        "The store does not accept anything now",
        "Repeat the request with the same Idempotency-Key; see /readyz for the reason.",
    ),
}


class ApiError(Exception):
    """An error that a client sees, of one of the kinds in `TYPES`."""

    def __init__(
        self,
        kind: str,
        detail: str = "",
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Take the kind, what is special about this case, and all places that are wrong."""
        super().__init__(kind)
        self.kind, self.detail = kind, detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})

    def to_dict(self) -> dict[str, Any]:
        """Return the body of the answer."""
        about = TYPES[self.kind]
        body: dict[str, Any] = {
            "type": f"{PAGES}/{self.kind}",
            "title": about.title,
            "status": about.status,
            "detail": self.detail or about.advice,
        }
        if self.errors:
            body["errors"] = [one._asdict() for one in self.errors[:MOST_ERRORS]]
        return body

    def response(self) -> Response:
        """Return the answer."""
        return Response(
            orjson.dumps(self.to_dict()),
            status_code=TYPES[self.kind].status,
            headers=self.headers,
            media_type=MEDIA_TYPE,
        )
