"""Errors in Graph's form, for clients that are written against Meta's Cloud API; pure.

https://developers.facebook.com/docs/graph-api/guides/error-handling
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.core.api.cloud_api.send_result import SendResult
from gateway.core.api.field_errors import FieldError
from gateway.core.sending.error_codes import INVALID_PARAMETER, TOKEN_CODES, UNKNOWN_NUMBER
from gateway.core.sending.outcome import THROUGHPUT

MOST_LISTED = 10  # wrong places that an error names
NO_PERMISSION, BAD_TOKEN = 10, 190
SOMETHING_WENT_WRONG, UNAVAILABLE, UNSUPPORTED_TYPE = 131000, 131016, 131051

# Meta's HTTP status of each code that has another than 400.
_STATUSES: Mapping[int, int] = {
    0: 401, 190: 401, 132001: 404,
    3: 500, 131000: 500, 131016: 500, 131045: 500, 131057: 500, 133000: 500, 134102: 500,
    2: 503, 133004: 503,
    **dict.fromkeys((10, 368, 130497, 131005, 131031, *range(200, 300)), 403),
}  # fmt: skip
_TITLES: Mapping[int, str] = {
    NO_PERMISSION: "Application does not have permission for this action",
    INVALID_PARAMETER: "Invalid parameter",
    BAD_TOKEN: "Error validating access token",
    THROUGHPUT: "Rate limit hit",
    SOMETHING_WENT_WRONG: "Something went wrong",
    UNAVAILABLE: "Service unavailable",
    UNSUPPORTED_TYPE: "Unsupported message type",
    132000: "Number of parameters does not match the expected number of params",
    132001: "Template name does not exist in the translation",
    132005: "Translated text too long",
    132012: "Parameter format does not match format in the created template",
}
_TRACE = re.compile(r"\s*\(fbtrace_id (\S+)\)$")


@dataclass(frozen=True, slots=True)
class GraphError:
    """One error: Meta's code, its title, and details that say more; `status` 0 is the code's."""

    code: int
    details: str = ""
    title: str = ""
    status: int = 0
    subcode: int | None = None
    trace: str = ""  # Meta's fbtrace_id, where Meta refused

    @property
    def http_status(self) -> int:
        """Return the HTTP status of the answer."""
        return self.status or _STATUSES.get(self.code, 400)

    def to_dict(self) -> dict[str, Any]:
        """Return the body of the answer."""
        error: dict[str, Any] = {
            "message": f"(#{self.code}) {self.title or _TITLES.get(self.code, '')}".strip(),
            "type": "GraphMethodException" if self.subcode else "OAuthException",
            "code": self.code,
        }
        if self.details:
            error["error_data"] = {"messaging_product": "whatsapp", "details": self.details}
        if self.subcode is not None:
            error["error_subcode"] = self.subcode
        # Clients read it without asking whether it is there.
        error["fbtrace_id"] = self.trace
        return {"error": error}


def no_such_object(method: str) -> GraphError:
    """Return the error about an object that is not ours, or that the key may not see."""
    title = (
        f"Unsupported {method.lower()} request. Object with this ID does not exist, cannot be "
        "loaded due to missing permissions, or does not support this operation"
    )
    return GraphError(INVALID_PARAMETER, title=title, subcode=UNKNOWN_NUMBER)


def invalid_fields(errors: Sequence[FieldError]) -> GraphError:
    """Return the error about a body, which names each wrong place."""
    listed = [f"{one.pointer} {one.detail}" for one in errors[:MOST_LISTED]]
    more = [f"and {len(errors) - MOST_LISTED} more"] if len(errors) > MOST_LISTED else []
    is_type = any(one.pointer == "#/type" for one in errors)
    return GraphError(
        UNSUPPORTED_TYPE if is_type else INVALID_PARAMETER, "; ".join([*listed, *more])
    )


def refused_send(result: SendResult) -> GraphError:
    """Return the error about a send that ended without being accepted.

    A refusal of Meta's keeps its code, details and fbtrace_id; its message is our advice, since
    Meta's own may quote the token. That Meta refuses the gateway's token is no error of the key.
    """
    if result.stage == "cancelled":
        return withdrawn_send(result)
    error = result.error
    code, reason = error.get("code"), str(error.get("reason") or "")
    details, trace = _split_trace(str(error.get("details") or ""))
    if not isinstance(code, int):
        if result.stage == "expired":
            return GraphError(THROUGHPUT, reason)
        return GraphError(SOMETHING_WENT_WRONG, reason or "The message was given up.")
    if code in TOKEN_CODES:
        return _token_refused(code, trace)
    return GraphError(code, details or reason, reason, trace=trace)


def withdrawn_send(result: SendResult) -> GraphError:
    """Return the error about a send that was taken back in time: nothing of it was sent."""
    refusal = result.latest_refusal
    code = refusal.get("code")
    details, trace = _split_trace(str(refusal.get("details") or ""))
    if not isinstance(code, int):
        reason = refusal.get("reason")
        why = f" The latest attempt: {reason}." if reason else ""
        return GraphError(
            THROUGHPUT, f"It could not be sent in time and was taken back; send it later.{why}"
        )
    if code in TOKEN_CODES:
        return _token_refused(code, trace)
    told = f"It was refused for now, and taken back. {details}".strip()
    return GraphError(code, told, str(refusal.get("reason") or ""), trace=trace)


def unknown_outcome(send: str) -> GraphError:
    """Return the error about a send that Meta may have or not."""
    return GraphError(
        SOMETHING_WENT_WRONG,
        f"It is not known yet whether Meta has message {send} of the gateway; the same request "
        "within two minutes asks for it again, and sends nothing twice.",
    )


def _token_refused(code: int, trace: str) -> GraphError:
    details = f"Meta refused the gateway's own access token ({code}); its operator is to renew it."
    return GraphError(UNAVAILABLE, details, trace=trace)


def _split_trace(details: str) -> tuple[str, str]:
    """Return Meta's details, and the fbtrace_id that was stored behind them."""
    if found := _TRACE.search(details):
        return details[: found.start()], found[1]
    return details, ""
