"""What a `data:` address holds, from its head alone: ten megabytes of base64 are not decoded to learn a width."""

from __future__ import annotations

import binascii
from typing import Literal, NamedTuple

__all__ = ["FileHead", "describe_data_uri"]

_HEAD_CHARS = 96 * 1024  # a JPEG may carry this much metadata before its size; a multiple of 4, so base64 stays whole


class FileHead(NamedTuple):
    """Format by content (`jpeg`, `tiff`, `heif`, `wav`, …), decoded size, sides in pixels where the head has them."""

    format: str
    size_bytes: int
    sides: tuple[int, int] | None
    alpha: bool


def describe_data_uri(uri: str) -> FileHead | None:
    """The file in `data:{MIME_type};base64,{data}`, or None if it is not one or its format is unknown."""
    header, comma, data = uri.partition(",")
    if not comma or not header.lower().endswith(";base64"):
        return None
    try:
        head = binascii.a2b_base64(data[:_HEAD_CHARS], strict_mode=True)
    except ValueError:
        return None
    size = len(data) // 4 * 3 - data[-2:].count("=")
    for describe in (_png, _jpeg, _bmp, _webp, _gif, _tiff, _heif, _audio):
        found = describe(head)
        if found is not None:
            kind, sides, alpha = found
            return FileHead(kind, size, sides, alpha)
    return None


_Found = tuple[str, tuple[int, int] | None, bool] | None


def _png(head: bytes) -> _Found:
    if not head.startswith(b"\x89PNG\r\n\x1a\n") or len(head) < 26:
        return None
    sides = int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")
    return "png", sides, head[25] in (4, 6)  # colour types with an alpha channel


def _jpeg(head: bytes) -> _Found:
    if not head.startswith(b"\xff\xd8"):
        return None
    at = 2
    while at + 9 <= len(head) and head[at] == 0xFF:
        marker, length = head[at + 1], int.from_bytes(head[at + 2 : at + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # a frame header carries the sides
            height, width = int.from_bytes(head[at + 5 : at + 7], "big"), int.from_bytes(head[at + 7 : at + 9], "big")
            return "jpeg", (width, height), False
        at += 2 + max(length, 2)
    return "jpeg", None, False


def _bmp(head: bytes) -> _Found:
    if not head.startswith(b"BM") or len(head) < 26:
        return None
    width, height = (int.from_bytes(head[i : i + 4], "little", signed=True) for i in (18, 22))
    return "bmp", (abs(width), abs(height)), False


def _webp(head: bytes) -> _Found:
    if not (head.startswith(b"RIFF") and head[8:12] == b"WEBP") or len(head) < 30:
        return None
    match head[12:16]:
        case b"VP8X":
            sides = tuple(int.from_bytes(head[i : i + 3], "little") + 1 for i in (24, 27))
            return "webp", (sides[0], sides[1]), bool(head[20] & 0x10)
        case b"VP8L":
            bits = int.from_bytes(head[21:25], "little")
            return "webp", ((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1), bool(bits >> 28 & 1)
        case _:
            sides = tuple(int.from_bytes(head[i : i + 2], "little") & 0x3FFF for i in (26, 28))
            return "webp", (sides[0], sides[1]), False


def _gif(head: bytes) -> _Found:
    if head[:6] not in (b"GIF87a", b"GIF89a") or len(head) < 10:
        return None
    return "gif", (int.from_bytes(head[6:8], "little"), int.from_bytes(head[8:10], "little")), False


def _tiff(head: bytes) -> _Found:
    orders: dict[bytes, Literal["little", "big"]] = {b"II*\0": "little", b"MM\0*": "big"}
    order = orders.get(head[:4])
    if order is None:
        return None
    at = int.from_bytes(head[4:8], order)  # of the directory, which often comes last and is then not in the head
    found = {}
    for entry in range(at + 2, at + 2 + 12 * int.from_bytes(head[at : at + 2], order), 12):
        if entry + 12 <= len(head):
            size = 2 if int.from_bytes(head[entry + 2 : entry + 4], order) == 3 else 4
            found[int.from_bytes(head[entry : entry + 2], order)] = int.from_bytes(
                head[entry + 8 : entry + 8 + size], order
            )
    sides = (found[256], found[257]) if found.keys() >= {256, 257} and found[256] and found[257] else None
    return "tiff", sides, found.get(277) in (2, 4)  # samples per pixel: grey or RGB, and alpha


def _heif(head: bytes) -> _Found:
    if head[4:8] != b"ftyp" or head[8:12] not in (b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1"):
        return None
    about, at = b"", 0
    while at + 8 <= len(head) and not about:
        size = int.from_bytes(head[at : at + 4], "big")
        if head[at + 4 : at + 8] == b"meta" and at + size <= len(head):
            about = head[at : at + size]
        at += max(size, 8)
    # The largest of the boxes with a size: a thumbnail and the tiles of a grid have one, too.
    sizes, at = [], about.find(b"ispe")
    while 0 <= at <= len(about) - 16:
        sizes.append((int.from_bytes(about[at + 8 : at + 12], "big"), int.from_bytes(about[at + 12 : at + 16], "big")))
        at = about.find(b"ispe", at + 4)
    whole = max((size for size in sizes if all(size)), key=lambda size: size[0] * size[1], default=None)
    return "heif", whole, False


def _audio(head: bytes) -> _Found:
    if head.startswith(b"RIFF") and head[8:12] == b"WAVE":
        return "wav", None, False
    if head.startswith(b"ID3") or (len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0):
        return "mp3", None, False
    return None
