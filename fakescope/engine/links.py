"""Result links in the vendor's form: a path on the result host, when it expires, whose it is, and a signature.

A link is public, as the vendor's are: whoever has it may fetch the file until it expires. The signature makes a link
that was changed by hand as useless here as it is there.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import blake2b
from typing import NamedTuple
from urllib.parse import parse_qs, quote

__all__ = ["PREFIX", "Target", "read", "result_link"]

PREFIX = "/dashscope-result"
"""How the path of every result link begins."""


class Target(NamedTuple):
    """What a link says: the account and the task it belongs to, and the second of the epoch when it expires."""

    account: str
    task_id: str
    expires_s: int


def result_link(
    origin: str, bucket: str, access_key: str, account: str, task_id: str, n: int, file: str, expires_s: int
) -> str:
    """The address of a task's n-th result. `origin` is scheme and host as the client sees them."""
    path = f"/{bucket}/1d/{task_id[:2]}/{task_id[:8]}/{task_id}-{n}.{file}"
    signed = _signature(path, account, expires_s)
    return f"{origin}{path}?Expires={expires_s}&OSSAccessKeyId={access_key}{account}&Signature={signed}"


def read(path: str, query: str, access_key: str) -> Target | None:
    """What a link points to, or None if it is not one of ours or was changed."""
    parts = parse_qs(query)
    owner, expires, signature = (parts.get(key, [""])[0] for key in ("OSSAccessKeyId", "Expires", "Signature"))
    if not (owner.startswith(access_key) and expires.isascii() and expires.isdecimal() and len(expires) < 12):
        return None
    account = owner.removeprefix(access_key)
    # Quoted again, because parse_qs took the quoting off.
    if quote(signature, safe="") != _signature(path, account, int(expires)):
        return None
    return Target(account, path.rsplit("/", 1)[-1][:36], int(expires))


def _signature(path: str, account: str, expires_s: int) -> str:
    key = account.encode()[:64]  # no account is longer, but what a link says may be
    mac = blake2b(f"GET\n\n\n{expires_s}\n{path}".encode(), key=key, digest_size=20).digest()
    return b64encode(mac).decode().replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
