"""Links to results, led through a recorder, so that what is downloaded is recorded; and back, where one is sent on.

Only links that an answer had can be asked for by way of us: this is no door to anywhere else.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import orjson

from fakescope.recording.json_bodies import json_or_none
from fakescope.recording.recorder import is_vendors

__all__ = ["OWN", "ResultLinks"]

OWN = "/_fakescope/"
"""How paths of our own begin. Nothing below is forwarded."""

_OURS = re.compile(rb"https?://[^/\s\"]+(%b[\w./-]+)" % (OWN.encode() + b"result/"))
_SIGNED = re.compile(r"[?&](?:x-oss-)?signature=", re.IGNORECASE)


class ResultLinks:
    """The vendor's signed links that passed, each with a path of ours. `host` is the upstream's."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._theirs: dict[str, str] = {}
        self._ours: dict[str, str] = {}

    def behind(self, path: str) -> str | None:
        """The vendor's link that this path stands for."""
        return self._theirs.get(path)

    def lead_here(self, body: bytes, origin: str) -> bytes:
        """A JSON answer with our links in the place of theirs. One without any is given back as it came."""
        if not _SIGNED.search(body.decode("utf-8", "replace")):
            return body
        answer = json_or_none(body)
        return body if answer is None else orjson.dumps(self._led(answer, origin))

    def lead_back(self, body: bytes) -> bytes:
        """A request with their links in the place of ours, which nobody there can reach."""

        def theirs(found: re.Match[bytes]) -> bytes:
            link = self._theirs.get(found[1].decode())
            return found[0] if link is None else orjson.dumps(link)[1:-1]

        return _OURS.sub(theirs, body) if OWN.encode() in body else body

    def _led(self, value: Any, origin: str) -> Any:
        if isinstance(value, dict):
            return {key: self._led(part, origin) for key, part in value.items()}
        if isinstance(value, list):
            return [self._led(part, origin) for part in value]
        return origin + self._path_for(value) if isinstance(value, str) and self._is_result(value) else value

    def _path_for(self, link: str) -> str:
        path = self._ours.get(link)
        if path is None:
            file = re.sub(r"[^\w.-]", "_", urlsplit(link).path.rpartition("/")[2], flags=re.ASCII)
            path = self._ours[link] = f"{OWN}result/{len(self._theirs)}/{file}"
            self._theirs[path] = link
        return path

    def _is_result(self, text: str) -> bool:
        if not text.startswith(("http://", "https://")) or not _SIGNED.search(text) or " " in text:
            return False
        try:
            host = urlsplit(text).hostname or ""
        except ValueError:
            return False
        return is_vendors(host) or host == self._host
