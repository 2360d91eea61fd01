"""What result links point to: until media are made to order, one small film or picture that everything can show."""

from __future__ import annotations

import re
from pathlib import Path

from fakescope.engine import links
from fakescope.simulator import Simulator
from fakescope.wire.http import Answer, Header, Receive, Scope, Send, header, send_answer

__all__ = ["MediaApp"]

_HERE = Path(__file__).parent
_FILES = {
    "mp4": ("film.mp4", b"video/mp4"),
    "png": ("picture.png", b"image/png"),
    "jpg": ("picture.jpg", b"image/jpeg"),
}
_RANGE = re.compile(rb"bytes=(\d{0,12})-(\d{0,12})")


class MediaApp:
    """Serves result links as an OSS bucket would: GET and HEAD, ranges, and 403 in XML once a link has expired."""

    def __init__(self, simulator: Simulator, extra: tuple[Header, ...]) -> None:
        self._simulator, self._extra = simulator, extra
        self._read: dict[str, bytes] = {}

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        await send_answer(send, await self._answer(scope))

    async def _answer(self, scope: Scope) -> Answer:
        if scope["method"] not in ("GET", "HEAD"):
            return self._error(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")
        access_key = self._simulator.catalog.service.access_key
        target = links.read(scope["path"], scope["query_string"].decode("latin-1"), access_key)
        if target is None:
            why = "The request signature we calculated does not match the signature you provided."
            return self._error(403, "SignatureDoesNotMatch", why)
        if await self._simulator.has_expired(target):
            return self._error(403, "AccessDenied", "Request has expired.")
        name, kind = _FILES.get(scope["path"].rsplit(".", 1)[-1], _FILES["mp4"])
        if name not in self._read:
            self._read[name] = (_HERE / name).read_bytes()
        return self._file(self._read[name], kind, header(scope, b"range"))

    def _file(self, content: bytes, kind: bytes, wanted: bytes) -> Answer:
        headers: list[Header] = [(b"content-type", kind), (b"accept-ranges", b"bytes"), *self._extra]
        match = _RANGE.fullmatch(wanted)
        first, last = match.groups() if match else (b"", b"")
        if not (first or last) or (first and last and int(last) < int(first)):
            return Answer(200, headers, content)  # no range, or none that makes sense: the whole file
        if not first:  # the last so many bytes
            start, stop = max(0, len(content) - int(last)), len(content)
        else:
            start, stop = int(first), min(int(last) + 1 if last else len(content), len(content))
        if start >= stop:
            return Answer(416, [(b"content-range", b"bytes */%d" % len(content)), *self._extra], b"")
        headers.append((b"content-range", b"bytes %d-%d/%d" % (start, stop - 1, len(content))))
        return Answer(206, headers, content[start:stop])

    def _error(self, status: int, code: str, message: str) -> Answer:
        body = (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>\n'
        )
        return Answer(
            status, [(b"content-type", b"application/xml"), (b"server", b"AliyunOSS"), *self._extra], body.encode()
        )
