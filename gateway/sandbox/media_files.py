"""Media at Meta: what customers send and what bots upload, each under an id.

https://developers.facebook.com/documentation/business-messaging/whatsapp/business-phone-numbers/media
"""

import base64
import hashlib
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from gateway.sandbox.fields import Flag, Text
from gateway.sandbox.wire import Json, make_room

MOST = 1_000
_FIRST_ID = 700_000_000_000_000
_SIDE = 64  # of the sample picture, in pixels
_COLOUR = bytes((0, 104, 74))
_HEADER = b"\x89PNG\r\n\x1a\n"
# One frame of silence: its header, and nothing to play.
_SILENCE = b"\xff\xfb\x90\x00" + bytes(413)
_PAGE = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]>>endobj\n"
    b"trailer<</Root 1 0 R>>\n%%EOF\n"
)


@dataclass(frozen=True, slots=True)
class MediaFile:
    """One file."""

    id: str
    mime_type: str
    content: bytes = field(repr=False)

    @property
    def sha256(self) -> str:
        """Return the digest as webhooks tell it."""
        return base64.b64encode(hashlib.sha256(self.content).digest()).decode()


class MediaForm(BaseModel):
    """A file that a customer sends: a sample of its type."""

    type: Annotated[
        Literal["image", "audio", "document"], Field(description="image, audio or document")
    ]
    caption: Text = ""
    filename: Text = ""
    link: Text = ""
    voice: Flag = False


class MediaFiles:
    """All files by id; the oldest make room."""

    def __init__(self) -> None:
        """Start with no files."""
        self._files: dict[str, MediaFile] = {}
        self._count = 0

    def add(self, mime_type: str, content: bytes) -> MediaFile:
        """Keep a file under a new id."""
        make_room(self._files, MOST)
        self._count += 1
        file = MediaFile(str(_FIRST_ID + self._count), mime_type, content)
        self._files[file.id] = file
        return file

    def find(self, id_: str) -> MediaFile | None:
        """Return the file of an id."""
        return self._files.get(id_)

    def remove(self, id_: str) -> None:
        """Forget a file."""
        self._files.pop(id_, None)

    def message(self, wish: MediaForm) -> Json:
        """Return the message with a new sample file, as its webhook has it."""
        file = self.add(*SAMPLES[wish.type])
        content: Json = {"mime_type": file.mime_type, "sha256": file.sha256, "id": file.id}
        content |= wish.model_dump(include={"caption", "filename", "voice"}, exclude_unset=True)
        if wish.link:
            content["url"] = wish.link
        return {"type": wish.type, wish.type: content}


def _chunk(kind: bytes, data: bytes) -> bytes:
    check = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)


def _picture() -> bytes:
    """Draw a picture of one colour as PNG."""
    shape = struct.pack(">IIBBBBB", _SIDE, _SIDE, 8, 2, 0, 0, 0)
    rows = (b"\0" + _COLOUR * _SIDE) * _SIDE
    return (
        _HEADER
        + _chunk(b"IHDR", shape)
        + _chunk(b"IDAT", zlib.compress(rows))
        + _chunk(b"IEND", b"")
    )


SAMPLES: Mapping[str, tuple[str, bytes]] = {
    "image": ("image/png", _picture()),
    "audio": ("audio/mpeg", _SILENCE),
    "document": ("application/pdf", _PAGE),
}
