"""HTTP request as text: its headers, or its request line and headers, a blank line, its body."""

import re

from gateway.core.capture.file_format import CaptureFormatError

_BEGINS = re.compile(rb"[A-Z]+ \S+ HTTP/[0-9]|[A-Za-z][A-Za-z0-9-]*:[ \t]")
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")


def is_request(head: bytes) -> bool:
    """Say whether bytes begin like an HTTP request; no JSON does."""
    return bool(_BEGINS.match(head))


def read_body(request: bytes) -> bytes:
    """Return the bytes after the headers. Raises CaptureFormatError."""
    parts = _BLANK_LINE.split(request, maxsplit=1)
    if len(parts) == 1:
        raise CaptureFormatError("has no blank line after its headers, and so no body")
    return parts[1]
