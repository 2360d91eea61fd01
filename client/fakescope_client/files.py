"""Files of this machine: how they get into a request, and how a download becomes one."""

from __future__ import annotations

import os
import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO, Self
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

_MAGIC = [(b"\x89PNG", 0, "image/png"), (b"\xff\xd8\xff", 0, "image/jpeg"), (b"BM", 0, "image/bmp")]
_MAGIC += [(b"WEBP", 8, "image/webp"), (b"ftyp", 4, "video/mp4"), (b"WAVE", 8, "audio/wav"), (b"ID3", 0, "audio/mpeg")]
_ENDINGS = {"image/jpeg": ".jpg", "audio/mpeg": ".mp3", "application/octet-stream": ".bin"}
_FORM = {"OSSAccessKeyId": "oss_access_key_id", "Signature": "signature", "policy": "policy"}
_FORM |= {"x-oss-object-acl": "x_oss_object_acl", "x-oss-forbid-overwrite": "x_oss_forbid_overwrite"}
"""Fields of an upload, and what they are called in its credential."""


def as_media(given: Media) -> Media:
    """An address stays one, any other string is a path. Raises FileNotFoundError before anything is sent."""
    if isinstance(given, bytes) or (isinstance(given, str) and given.startswith(("http:", "https:", "oss:", "data:"))):
        return given
    if not os.path.isfile(given):
        raise FileNotFoundError(f"{given!s:.99} is no file; give a path, bytes, or an https:, oss: or data: address")
    return Path(given)


def media_type(file: File) -> str:
    """By the first bytes, else by the name."""
    with BytesIO(file) if isinstance(file, bytes) else open(file, "rb") as opened:
        head, name = opened.read(16), "" if isinstance(file, bytes) else os.fspath(file)
    from mimetypes import guess_type  # deferred: reads tables of the system

    known = (kind for magic, at, kind in _MAGIC if head[at:].startswith(magic))
    return next(known, None) or guess_type(name)[0] or "application/octet-stream"


def _is_taken(file: BinaryIO, path: Path) -> bool:
    """Whether somebody else writes to this file, or has made it his target meanwhile; else it is locked, for us."""
    try:
        from fcntl import LOCK_EX, LOCK_NB, flock  # deferred: Windows has none

        flock(file, LOCK_EX | LOCK_NB)
        return not os.path.samestat(os.fstat(file.fileno()), path.stat())
    except (ImportError, OSError) as error:  # others: no locks here, or not on this disk
        return isinstance(error, BlockingIOError | FileNotFoundError)


def make_way(to: str | os.PathLike[str]) -> bool:
    """Whether downloads to here go into a folder, which is made if need be. Raises OSError if nothing can be written.

    A file is tried and gone again: permissions do not say all, and a result may be paid for before it is written.
    """
    from tempfile import TemporaryFile  # deferred: only downloads need it

    into_folder = os.path.isdir(to) or os.fspath(to).endswith(("/", os.sep))
    if not to or (not into_folder and os.path.exists(to) and not os.path.isfile(to)):  # /dev/null stays what it is
        raise FileExistsError(f"{os.fspath(to)!r} is something else than a file or a folder: name one of these")
    try:
        folder = Path(to) if into_folder else Path(to).parent
        folder.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=folder).close()
    except OSError as error:
        error.filename = os.fspath(to)
        raise
    return into_folder


class Part:
    """A download under way: a hidden file beside the target, named after the link, so that the next try goes on.

    It is locked: a second download to the same target finds it taken, and writes to a part of its own.
    """

    def __init__(self, link: str, target: Path, progress: Progress | None) -> None:
        self._progress, self._target, self._takes = progress or (lambda *_: None), target, False
        self._total: int | None = None
        for n in count():
            name = f".{target.name}.{crc32(link.partition('?')[0].encode()):08x}{f'.{n}' if n else ''}.part"
            self.path = target.with_name(name)
            self._file = self.path.open("ab")
            if not _is_taken(self._file, self.path):
                break
            self._file.close()
        self.size = self._file.tell()

    def take(self, status: int, headers: Mapping[str, str]) -> Callable[[bytes], None] | None:
        """Go on where the part ends if the server does, else start over; None if the body is no part of the file."""
        total, first = headers.get("content-length", ""), 0
        if status == 206:
            span, _, total = headers.get("content-range", "").removeprefix("bytes ").partition("/")
            first = int(span.partition("-")[0]) if span.partition("-")[0].isdecimal() else -1
        known = int(total) if total.isdecimal() and "content-encoding" not in headers else None
        self._takes = status == 200 or (status == 206 and first == self.size and known == (self._total or known))
        if not self._takes:
            return None
        if not first:
            self.restart()
        self._total = known
        return self._write

    def _write(self, chunk: bytes) -> None:
        self.size += self._file.write(chunk)
        self._progress(self.size, self._total)

    def is_whole(self, answer: Answer) -> bool:
        """Whether this answer brought the last of it, or says that there is no more."""
        if self._takes:
            return self._total in (None, self.size)
        return answer.headers.get("content-range") == f"bytes */{self.size or '-'}"

    def restart(self) -> None:
        """Forget what has come so far: it belongs to something else."""
        self._file.truncate(0)
        self.size, self._total = 0, None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, error: object, *_: object) -> None:
        """It is the target now if nothing went wrong, and else kept for the next try if there is anything in it."""
        try:
            self._file.flush()
            if os.name == "nt":  # moves no open file; elsewhere nobody may lock it before it is moved
                self._file.close()
            if not error:
                self.path.replace(self._target)
            elif not self.size:
                self.path.unlink()
        finally:
            self._file.close()


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

        `to` is a folder if it is one or ends in a slash, else a file; of several results the names end in -1, -2 …:
        `cat.png` becomes `cat-1.png`. A file appears whole or not at all; what was cut off goes on where it stopped, in
        the next try or the next program. `on_progress` is called with the bytes so far and the bytes in all, None while
        unknown. Raises ValueError if there is nothing to fetch, InvalidParameterError if a link has expired (after 24
        hours), TransportError, OSError.
        """
        links = source.results if isinstance(source, Task) else (source,)
        stem = Path(source.id or source.request_id).name if isinstance(source, Task) else ""
        if not links:
            raise ValueError(f"task {stem} has no results to download")
        into_folder, kept = make_way(to), list[Path]()
        for n, link in enumerate(links, 1):
            name = Path(unquote(urlsplit(link).path)).name or "result"
            target = Path(to) / (stem + Path(name).suffix if stem else name) if into_folder else Path(to)
            target = target.with_stem(f"{target.stem}-{n}") if len(links) > 1 else target
            with Part(link, target, on_progress) as part:
                await self._download(link, part)
            kept.append(target)
        return kept

    async def _download(self, link: str, part: Part) -> None:
        trouble = Trouble(self, f"downloading {part.path.name}")
        while True:
            before, answer = part.size, None
            headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={before}-"} if before else {})
            try:
                answer = await self._exchange("GET", link, sink=part.take, headers=headers)
                if part.is_whole(answer):
                    return
                error = _storage_error(answer, "a download")
            except TransportError as failure:
                error = failure
            if part.size > before:
                trouble.failures = 0
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
