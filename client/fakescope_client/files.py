"""Files of this machine: how they get into a request, and how a download becomes one."""

from __future__ import annotations

import os
import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote, urlsplit
from zlib import crc32

from fakescope_client.core import Core, Trouble
from fakescope_client.errors import DashScopeError, InvalidParameterError, TransportError
from fakescope_client.model import Task
from fakescope_client.routes import takes_inline
from fakescope_client.wire import Answer

File = os.PathLike[str] | bytes
"""What is replaced by an address wherever it stands in an `input`; a string there is sent as it is."""
Media = str | File
"""An address (`https:`, `oss:`, `data:`), a path of this machine, or the bytes of a file."""
Progress = Callable[[int, int | None], object]
"""Is called with the bytes so far and the bytes in all, None while unknown."""

INLINE_BYTES = 1_000_000
"""Pictures up to this size go as `data:`. Some models take bodies of 6 MiB only (seen in logs), so several must fit."""

_MAGIC = (
    (b"\x89PNG", 0, "image/png"),
    (b"\xff\xd8\xff", 0, "image/jpeg"),
    (b"BM", 0, "image/bmp"),
    (b"WEBP", 8, "image/webp"),
    (b"ftyp", 4, "video/mp4"),
    (b"WAVE", 8, "audio/wav"),
    (b"ID3", 0, "audio/mpeg"),
)
_ENDINGS = {"image/jpeg": ".jpg", "audio/mpeg": ".mp3", "application/octet-stream": ".bin"}
_FORM = {
    "OSSAccessKeyId": "oss_access_key_id",
    "Signature": "signature",
    "policy": "policy",
    "x-oss-object-acl": "x_oss_object_acl",
    "x-oss-forbid-overwrite": "x_oss_forbid_overwrite",
}
"""Fields of an upload, and what they are called in its credential."""


def as_media(given: Media) -> Media:
    """An address stays one, any other string is a path. Raises FileNotFoundError before anything is sent."""
    if isinstance(given, bytes) or (isinstance(given, str) and given.startswith(("http:", "https:", "oss:", "data:"))):
        return given
    if not Path(given).is_file():
        raise FileNotFoundError(f"{given} is no file; give a path, bytes, or an address with https:, oss: or data:")
    return Path(given)


def media_type(file: File) -> str:
    """By the first bytes, else by the name."""
    with BytesIO(file) if isinstance(file, bytes) else open(file, "rb") as opened:
        head, name = opened.read(16), "" if isinstance(file, bytes) else os.fspath(file)
    from mimetypes import guess_type  # deferred: reads tables of the system

    known = (kind for magic, at, kind in _MAGIC if head[at:].startswith(magic))
    return next(known, None) or guess_type(name)[0] or "application/octet-stream"


class Part:
    """A download under way: a hidden file beside the target, named after the link, so that the next try goes on."""

    def __init__(self, link: str, target: Path, progress: Progress | None) -> None:
        self._progress, self.target = progress, target
        self.path = target.with_name(f".{target.name}.{crc32(link.partition('?')[0].encode()):08x}.part")
        self.size = self.path.stat().st_size if self.path.exists() else 0
        self._total: int | None = None
        self._file: BinaryIO | None = None

    def open(self, status: int, headers: Mapping[str, str]) -> Callable[[bytes], None] | None:
        """Go on where the part ends if the server does, else start over; None if the body is no part of the file."""
        total, first = headers.get("content-length", ""), 0
        if status == 206:
            span, _, total = headers.get("content-range", "").removeprefix("bytes ").partition("/")
            first = int(span.partition("-")[0]) if span.partition("-")[0].isdecimal() else -1
        known = int(total) if total.isdecimal() and "content-encoding" not in headers else None
        if status != 200 and (status != 206 or first != self.size or known != (self._total or known)):
            return None
        self._file, self.size, self._total = self.path.open("ab" if first else "wb"), first, known
        return partial(self._write, self._file)

    def _write(self, file: BinaryIO, chunk: bytes) -> None:
        self.size += file.write(chunk)
        if self._progress is not None:
            self._progress(self.size, self._total)

    def close(self, answer: Answer | None) -> bool:
        """Whether this answer brought the last of it, or says that there is no more. None: it broke off."""
        written, self._file = self._file, None
        if written is not None:
            written.close()
            return answer is not None and self._total in (None, self.size)
        return answer is not None and answer.headers.get("content-range") == f"bytes */{self.size or '-'}"

    def restart(self) -> None:
        """Forget what has come so far: it belongs to something else."""
        self.path.unlink(missing_ok=True)
        self.size, self._total = 0, None


class Files(Core):
    """The verbs that send and bring files."""

    async def _resolve(self, value: Any, model: str) -> Any:
        """The value with an address in place of every path and all bytes in it."""
        if isinstance(value, bytes | os.PathLike):
            size = len(value) if isinstance(value, bytes) else os.stat(value).st_size
            kind = media_type(value)
            if size <= INLINE_BYTES and kind.startswith("image/") and takes_inline(model):
                content = value if isinstance(value, bytes) else Path(value).read_bytes()
                return f"data:{kind};base64,{b64encode(content).decode()}"
            return await self.upload(value, model)
        if isinstance(value, Mapping):
            return {key: await self._resolve(part, model) for key, part in value.items()}
        if isinstance(value, list | tuple):
            return [await self._resolve(part, model) for part in value]
        return value

    async def upload(self, file: Media, model: str) -> str:
        """Put a file where the vendor's models find it: its address, `oss://…`, good for 48 hours and this model.

        Raises OSError for the file, DashScopeError for the rest. Source: Get a temporary file URL.
        """
        file = Path(file) if isinstance(file, str) else file
        kind = media_type(file)
        ending = _ENDINGS.get(kind, "." + kind.rpartition("/")[2])
        name = f"{crc32(file):08x}{ending}" if isinstance(file, bytes) else Path(file).name

        async def attempt() -> str:
            policy = await self._credential(model)
            form = {field: policy[given] for field, given in _FORM.items()}
            key = f"{policy['upload_dir']}/{name}"
            form |= {"key": key, "success_action_status": "200", "x-oss-content-type": kind}
            with BytesIO(file) if isinstance(file, bytes) else open(file, "rb") as content:
                files = {"file": (name, content)}
                answer = await self._exchange("POST", policy["upload_host"], 300.0, data=form, files=files)
            if not 200 <= answer.status < 300:
                error = _storage_error(answer, "an upload")
                # An old credential, or a name that an attempt without an answer has taken: the next one helps.
                error.retryable = error.retryable or answer.status == 409 or "expired" in error.message
                raise error
            return f"oss://{key}"

        return await self._patiently("an upload", attempt)

    async def _credential(self, model: str) -> dict[str, str]:
        params = {"action": "getPolicy", "model": model}
        given = self._read(await self._call("GET", "uploads", params=params)).get("data")
        policy = {key: str(value) for key, value in given.items()} if isinstance(given, dict) else {}
        if missing := [field for field in (*_FORM.values(), "upload_dir", "upload_host") if not policy.get(field)]:
            raise TransportError(f"the credential of an upload lacks {', '.join(missing)}", http_status=200)
        return policy

    async def download(
        self, source: Task | str, to: str | os.PathLike[str], *, on_progress: Progress | None = None
    ) -> list[Path]:
        """Fetch every result of a task, or one link, and return the files, in order.

        `to` is a file, or a folder if it is one, ends in a slash, or there are several results. A file appears whole
        or not at all; what was cut off goes on where it stopped, in the next try or the next program. `on_progress`
        is called with the bytes so far and the bytes in all, None while unknown. Raises ValueError if there is nothing
        to fetch, InvalidParameterError if a link has expired (after 24 hours), TransportError, OSError.
        """
        links = source.results if isinstance(source, Task) else (source,)
        stem = Path(source.id).name if isinstance(source, Task) else ""
        if not links:
            raise ValueError(f"task {stem} has no results to download")
        into_folder = len(links) > 1 or Path(to).is_dir() or os.fspath(to).endswith(("/", os.sep))
        kept = []
        for n, link in enumerate(links, 1):
            name = Path(unquote(urlsplit(link).path)).name or "result"
            if stem:
                name = (f"{stem}-{n}" if len(links) > 1 else stem) + Path(name).suffix
            target = Path(to) / name if into_folder else Path(to)
            target.parent.mkdir(parents=True, exist_ok=True)
            kept.append(await self._download(link, Part(link, target, on_progress)))
        return kept

    async def _download(self, link: str, part: Part) -> Path:
        trouble = Trouble(self, f"downloading {part.path.name}")
        while True:
            before, answer = part.size, None
            headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={before}-"} if before else {})
            try:
                answer = await self._exchange("GET", link, sink=part.open, headers=headers)
                error = _storage_error(answer, "a download")
            except TransportError as failure:
                error = failure
            finally:
                is_whole = part.close(answer)
            if is_whole:
                return part.path.replace(part.target)
            if part.size > before:
                trouble.over()
            elif before and answer and answer.status in (206, 416):
                part.restart()
                error.retryable = True
            await trouble.bear(error)


def _storage_error(answer: Answer, what: str) -> DashScopeError:
    """What object storage says, in XML: passing if the fault is its own, final if it is the link's or the form's."""
    text = answer.body[:2000].decode("utf-8", "replace")
    code, message = (re.search(rf"<{tag}>(.*?)</{tag}>", text) for tag in ("Code", "Message"))
    passing = answer.status < 400 or answer.status in (408, 429) or answer.status >= 500
    said = message[1] if message else f"HTTP {answer.status}, or less than was announced"
    kind = TransportError if passing else InvalidParameterError
    return kind(f"{what}: {said}", code=code[1] if code else "", http_status=answer.status)
