"""Uploads as browsers and SDKs send them: multipart/form-data, taken apart and put together again."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

__all__ = ["make_form", "rewrite_form"]

_BOUNDARY = "fakescope"
_MOST_FIELDS = 200


def rewrite_form(
    body: bytes, content_type: str, rewrite: Callable[[str, str | None, bytes], tuple[str, str]]
) -> tuple[str, bytes] | None:
    """Content type and body with each field as `rewrite(name, file_name, content)` gives it; None if it is no form.

    What else fields say of themselves is left out, and the boundary is always the same.
    """
    boundary = re.search(r'boundary="?([^";\s]{1,200})', content_type)
    if boundary is None:
        return None
    parts = (b"\r\n" + body).split(b"\r\n--" + boundary[1].encode("latin-1", "replace"))
    if len(parts) < 3 or len(parts) > _MOST_FIELDS or not parts[-1].startswith(b"--"):
        return None
    fields = []
    for part in parts[1:-1]:
        head, gap, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        disposition = head.decode("utf-8", "replace")
        name = re.search(r'\bname="([A-Za-z0-9_.-]{1,64})"', disposition)
        if not gap or name is None:
            return None
        file_name = re.search(r'filename="([^"\r\n]*)"', disposition)
        shown, text = rewrite(name[1], file_name[1] if file_name else None, content)
        fields.append((name[1], shown if file_name else None, text.encode()))
    return make_form(fields)


def make_form(fields: Iterable[tuple[str, str | None, bytes]]) -> tuple[str, bytes]:
    """Content type and body of a form with these fields: name, file name if it is a file, content."""
    parts = []
    for name, file_name, content in fields:
        as_file = "" if file_name is None else f'; filename="{file_name}"'
        head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{as_file}\r\n\r\n'
        parts.append(head.encode() + content + b"\r\n")
    return f"multipart/form-data; boundary={_BOUNDARY}", b"".join(parts) + f"--{_BOUNDARY}--\r\n".encode()
