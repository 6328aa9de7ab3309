"""Forms: the body of a post, read within bounds of size and time, and what makes one count once."""

import asyncio
import re
import secrets
from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request

from gateway.web.console.page import PageError

MOST_BYTES = 64 * 1024
MOST_SIGNED_IN_BYTES = 256 * 1024  # a payload of 64 KB, each byte of which may be written as three
MOST_FIELDS = 200
WITHIN_S = 20.0
_NONCE = re.compile(r"[\w-]{8,64}", re.ASCII)


async def read_form(request: Request, most_bytes: int = MOST_BYTES) -> Mapping[str, str]:
    """Return the fields of a form; of those that are there twice the last. Raises PageError."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != (
        "application/x-www-form-urlencoded"
    ):
        raise _refusal(415, "It has to be application/x-www-form-urlencoded.")
    try:
        async with asyncio.timeout(WITHIN_S):
            content = await _read(request, most_bytes)
        fields = parse_qsl(
            content.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict"
        )
    except TimeoutError:
        raise _refusal(408, "Send it again.") from None
    except (ClientDisconnect, ValueError):
        raise _refusal(400, "It is not complete, or not in UTF-8.") from None
    return {name: text.replace("\r\n", "\n") for name, text in fields}


def new_nonce() -> str:
    """Return what a form carries that counts once, however often it is sent."""
    return secrets.token_urlsafe(12)


def read_nonce(form: Mapping[str, str]) -> str:
    """Return the nonce of a form. Raises PageError for a form without one."""
    nonce = form.get("nonce", "")
    if not _NONCE.fullmatch(nonce):
        raise PageError(
            422, "The form is not complete.", "Load its page again, and send it from there."
        )
    return nonce


async def _read(request: Request, most_bytes: int) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most_bytes:
            raise _refusal(413, f"A form may have {most_bytes // 1024} KB.")
        parts.append(part)
    return b"".join(parts)


def _refusal(status: int, advice: str) -> PageError:
    return PageError(status, "The form cannot be read.", advice)
