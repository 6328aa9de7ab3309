"""One call to Meta's administration: bounded in time and size, and answered by JSON or an error.

A redirect is not followed, since the token would go with it, and no cookie is kept.
"""

import contextlib
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import httpx
import orjson

from gateway import __version__
from gateway.graph.admin.errors import (
    APP_SECRET,
    TOKEN,
    AnswerTooLargeError,
    SetupError,
    setup_error,
)
from gateway.http_out.reasons import describe_error
from gateway.http_out.transport import DeadlineTransport, limits

Json: TypeAlias = dict[str, Any]

MAX_ANSWER_BYTES = 1 << 20
_CHECK_URL = "Check META_GRAPH_URL and the network between."


class Caller:
    """Calls one version of the Graph API; not to be shared by threads."""

    def __init__(
        self,
        base_url: str,
        version: str,
        total_s: float,
        secrets: Iterable[str],
        proof: str = "",
    ) -> None:
        """Take the base URL, the time limit of one call, and the secrets to keep out of errors.

        `proof` goes with each call of the token; the app itself needs none.
        """
        self._root = f"{base_url.rstrip('/')}/{version}"
        self._total_s, self._proof = total_s, proof
        self._secrets = frozenset(secrets) | ({proof} if proof else set())
        self._transport = DeadlineTransport(base_url)

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()

    def call(
        self,
        method: str,
        path: str,
        bearer: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Json | None = None,
        hide: Iterable[str] = (),
    ) -> Json:
        """Call once and return Graph's object; `hide` names further secrets of this call.

        Raises SetupError.
        """
        if self._proof and "|" not in bearer:
            query = {**(query or {}), "appsecret_proof": self._proof}
        status, raw = self._exchange(method, path, bearer, query or {}, body)
        answer = _parse_object(status, raw)
        error = answer.get("error")
        if isinstance(error, dict):
            secrets = self._secrets | {bearer} | set(hide)
            raise setup_error(status, error, as_app="|" in bearer, secrets=secrets)
        if status != httpx.codes.OK:
            raise SetupError(f"Meta answered with HTTP {status} and no reason.", status=status)
        return answer

    def _exchange(
        self, method: str, path: str, bearer: str, query: Mapping[str, str], body: Json | None
    ) -> tuple[int, bytes]:
        if not (bearer.isascii() and bearer.isprintable() and " " not in bearer):
            raise _bad_credential(as_app="|" in bearer)
        try:
            request = self._request(method, path, bearer, query, body)
            with contextlib.closing(self._transport.handle_request(request)) as response:
                return response.status_code, _read_body(response)
        # Only the error's type: its text may quote the URL, and that contains the token.
        except httpx.TimeoutException:
            raise SetupError(
                f"Meta did not answer within {self._total_s:g} seconds. {_CHECK_URL}"
            ) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            reason = describe_error(error)
            raise SetupError(f"Meta cannot be reached ({reason}). {_CHECK_URL}") from None

    def _request(
        self, method: str, path: str, bearer: str, query: Mapping[str, str], body: Json | None
    ) -> httpx.Request:
        headers = {
            "Authorization": f"Bearer {bearer}",
            "User-Agent": f"whatsapp-gateway/{__version__}",
            "Accept-Encoding": "identity",
        }
        return httpx.Request(
            method,
            f"{self._root}/{path}",
            params=dict(query),
            headers=headers,
            json=body,
            extensions={"timeout": limits(self._total_s).as_dict()},
        )


def _bad_credential(*, as_app: bool) -> SetupError:
    what, about = ("app secret", APP_SECRET) if as_app else ("access token", TOKEN)
    message = f"The {what} holds characters that Meta uses in none: copy it whole, without spaces."
    return SetupError(message, about=about)


def _read_body(response: httpx.Response) -> bytes:
    body = bytearray()
    for chunk in response.iter_raw():
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise AnswerTooLargeError(
                f"What answered is no Graph: its answer is larger than 1 MB. {_CHECK_URL}",
                status=response.status_code,
            )
    return bytes(body)


def _parse_object(status: int, raw: bytes) -> Json:
    if status in range(300, 400):
        raise SetupError(
            f"What answered sends elsewhere (HTTP {status}), where the token must not go. "
            f"{_CHECK_URL}",
            status=status,
        )
    try:
        answer = orjson.loads(raw)
    except orjson.JSONDecodeError:
        answer = None
    if isinstance(answer, dict):
        return answer
    what = "nothing" if not raw.strip() else "a page" if b"<" in raw[:100] else "no object of JSON"
    raise SetupError(
        f"Instead of Graph, {what} answered (HTTP {status}). {_CHECK_URL}", status=status
    )
