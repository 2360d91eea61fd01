"""Result files beside a cassette: films and pictures by their hash, or a stand-in that says what it stands for."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path
from typing import Literal, NamedTuple

from fakescope.recording.exchange import Response

__all__ = ["STAND_IN", "Media", "Policy", "extension", "is_text", "media_of", "note", "stand_in"]

Policy = Literal["keep", "describe", "drop"]
STAND_IN = "X-Fakescope-Stand-In"
"""The header of a body that is not what was recorded; its value says what that was."""

_EXTENSIONS = {
    "video/mp4": "mp4", "video/quicktime": "mov", "video/webm": "webm", "image/png": "png", "image/jpeg": "jpg",
    "image/gif": "gif", "image/webp": "webp", "image/bmp": "bmp", "audio/wav": "wav", "audio/x-wav": "wav",
    "audio/mpeg": "mp3",
}  # fmt: skip
_OURS = Path(__file__).parents[1] / "wire"  # small files that everything can show
_SMALL: dict[str, Path | bytes] = {
    "video/mp4": _OURS / "film.mp4",
    "image/png": _OURS / "picture.png",
    "image/jpeg": _OURS / "picture.jpg",
    "image/gif": b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00\x01\x00\x01\x00\x00"
    b"\x02\x02D\x01\x00;",
    "image/webp": b"RIFF\x1a\x00\x00\x00WEBPVP8L\r\x00\x00\x00/\x00\x00\x00\x10\x07\x10\x11\x11\x88\x88\xfe\x07\x00",
    "audio/wav": b"RIFF$\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00@\x1f\x00\x00\x80>\x00\x00\x02\x00\x10\x00"
    b"data\x00\x00\x00\x00",
}
_TYPE = re.compile(r"[a-z]{1,20}/[a-z0-9.+-]{1,60}")
_NOTE = re.compile(r"([a-z]{1,20}/[a-z0-9.+-]{1,60}); bytes=([0-9]{1,15}); sha256=([0-9a-f]{64})(; dropped)?")
_TYPES = ("image/", "video/", "audio/")


class Media(NamedTuple):
    """A file that was an answer: its type, how many bytes it had, their SHA-256, and the bytes if we have them.

    Without its bytes it is answered by a stand-in, or by nothing if it was dropped.
    """

    kind: str
    size: int
    sha256: str
    content: bytes | None = None
    dropped: bool = False


def media_of(response: Response) -> Media | None:
    """The file that this answer is, or None if it is text. Bytes that are no text are a file, whatever their type."""
    headers = {name.lower(): value for name, value in response.headers}
    described = _NOTE.fullmatch(headers.get(STAND_IN.lower(), ""))
    if described:  # a stand-in stays what it is, however often it is loaded and saved
        return Media(described[1], int(described[2]), described[3], None, bool(described[4]))
    kind = headers.get("content-type", "").split(";")[0].strip().lower()
    named = kind.startswith(_TYPES) and _TYPE.fullmatch(kind) is not None
    if not response.body or (not named and is_text(response.body)):
        return None
    if not named:
        kind = "application/octet-stream"
    return Media(kind, len(response.body), sha256(response.body).hexdigest(), response.body)


def note(media: Media) -> str:
    """What stands in the header of a stand-in."""
    return f"{media.kind}; bytes={media.size}; sha256={media.sha256}{'; dropped' if media.dropped else ''}"


def extension(kind: str) -> str:
    return _EXTENSIONS.get(kind, "bin")


def stand_in(kind: str) -> bytes:
    """Small bytes of that type, if there are some; else none."""
    small = _SMALL.get(kind, b"")
    return small.read_bytes() if isinstance(small, Path) else small


def is_text(body: bytes) -> bool:
    """Whether these bytes can be shown: UTF-8 without zeros."""
    try:
        return "\0" not in body.decode()
    except UnicodeDecodeError:
        return False
