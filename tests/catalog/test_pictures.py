"""Heads of files, built byte by byte after the formats' own specifications."""

from __future__ import annotations

import struct
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakescope.catalog.pictures import FileHead, describe_data_uri


def described(content: bytes, mime: str = "image/x") -> FileHead | None:
    return describe_data_uri(f"data:{mime};base64,{b64encode(content).decode()}")


def a_png(width: int, height: int, colour_type: int = 2) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBBBBB", 13, b"IHDR", width, height, 8, colour_type, 0, 0, 0)


def a_jpeg(width: int, height: int, frame: int = 0xC0, before: bytes = b"") -> bytes:
    return b"\xff\xd8" + before + struct.pack(">BBHBHHB", 0xFF, frame, 17, 8, height, width, 3) + bytes(9)


def a_segment(marker: int, length: int) -> bytes:
    """A JPEG segment to skip: its length counts the two bytes of the length itself."""
    return struct.pack(">BBH", 0xFF, marker, length + 2) + bytes(length)


def a_bmp(width: int, height: int) -> bytes:
    return struct.pack("<2sIHHIIiiHH", b"BM", 54, 0, 0, 54, 40, width, height, 1, 24) + bytes(24)


def a_webp(chunk: bytes, body: bytes) -> bytes:
    return struct.pack("<4sI4s4sI", b"RIFF", 12 + len(body), b"WEBP", chunk, len(body)) + body


def a_lossy_webp(width: int, height: int) -> bytes:
    return a_webp(b"VP8 ", b"\x00\x00\x00\x9d\x01\x2a" + struct.pack("<HH", width, height))


def a_lossless_webp(width: int, height: int, *, alpha: bool = False) -> bytes:
    return a_webp(b"VP8L", b"\x2f" + struct.pack("<I", width - 1 | height - 1 << 14 | alpha << 28) + bytes(5))


def an_extended_webp(width: int, height: int, *, alpha: bool = False) -> bytes:
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return a_webp(b"VP8X", bytes([0x10 if alpha else 0, 0, 0, 0]) + sides)


def a_gif(width: int, height: int) -> bytes:
    return struct.pack("<6sHHB", b"GIF89a", width, height, 0)


def a_tiff(width: int, height: int, *, samples: int = 3, order: str = "<", first: bool = True) -> bytes:
    """Forty bytes of pixels, and before or behind them the directory with three entries: short, long and short."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    short = f"{order}HHIH2x"
    entries = struct.pack(short, 256, 3, 1, width) + struct.pack(f"{order}HHII", 257, 4, 1, height)
    directory = struct.pack(f"{order}H", 3) + entries + struct.pack(short, 277, 3, 1, samples) + bytes(4)
    return mark + struct.pack(f"{order}I", 8 if first else 48) + (directory if first else bytes(40) + directory)


def a_heif(*sizes: tuple[int, int], brand: bytes = b"heic") -> bytes:
    boxes = b"".join(struct.pack(">I4sIII", 20, b"ispe", 0, width, height) for width, height in sizes)
    return struct.pack(">I4s4sI", 16, b"ftyp", brand, 0) + struct.pack(">I4s", 8 + len(boxes), b"meta") + boxes


A_WAV = struct.pack("<4sI4s", b"RIFF", 36, b"WAVE")

WHOLE = {
    "gif": (a_gif(640, 480), "gif", (640, 480), False),
    "tiff": (a_tiff(640, 480), "tiff", (640, 480), False),
    "tiff, directory last": (a_tiff(640, 480, first=False), "tiff", (640, 480), False),
    "tiff, the other way round, with alpha": (a_tiff(640, 480, samples=4, order=">"), "tiff", (640, 480), True),
    "heif": (a_heif((320, 240), (4032, 3024), (512, 512)), "heif", (4032, 3024), False),
    "heif, no size": (a_heif(brand=b"mif1"), "heif", None, False),
    "png": (a_png(1280, 720), "png", (1280, 720), False),
    "png, grey": (a_png(360, 361, 0), "png", (360, 361), False),
    "png, grey and alpha": (a_png(360, 361, 4), "png", (360, 361), True),
    "png, colour and alpha": (a_png(360, 361, 6), "png", (360, 361), True),
    "jpeg": (a_jpeg(1280, 720), "jpeg", (1280, 720), False),
    "jpeg, progressive": (a_jpeg(1280, 720, 0xC2), "jpeg", (1280, 720), False),
    "jpeg, after segments": (
        a_jpeg(1280, 720, before=a_segment(0xE0, 14) + a_segment(0xC4, 28) + a_segment(0xE1, 60_000)),
        "jpeg",
        (1280, 720),
        False,
    ),
    "bmp": (a_bmp(1280, 720), "bmp", (1280, 720), False),
    "bmp, top down": (a_bmp(1280, -720), "bmp", (1280, 720), False),
    "webp, lossy": (a_lossy_webp(1280, 720), "webp", (1280, 720), False),
    "webp, lossless": (a_lossless_webp(1280, 720), "webp", (1280, 720), False),
    "webp, lossless and alpha": (a_lossless_webp(16_383, 1, alpha=True), "webp", (16_383, 1), True),
    "webp, extended": (an_extended_webp(1280, 70_000), "webp", (1280, 70_000), False),
    "webp, extended and alpha": (an_extended_webp(1280, 720, alpha=True), "webp", (1280, 720), True),
    "wav": (A_WAV, "wav", None, False),
    "mp3": (b"\xff\xfb\x90\x00", "mp3", None, False),
    "mp3 with a tag": (b"ID3\x04\x00\x00", "mp3", None, False),
}


@pytest.mark.parametrize("name", WHOLE)
def test_a_head_tells_format_sides_and_alpha(name: str) -> None:
    content, kind, sides, alpha = WHOLE[name]

    assert described(content) == FileHead(kind, len(content), sides, alpha)


def test_the_content_decides_and_not_what_it_is_called() -> None:
    found = described(a_png(500, 500), mime="image/jpeg")

    assert found is not None
    assert found.format == "png"


@pytest.mark.parametrize("extra", range(5))
def test_size_is_that_of_the_decoded_file(extra: int) -> None:
    content = a_png(500, 500) + bytes(200_000 + extra)

    found = described(content)

    assert found is not None
    assert found.size_bytes == len(content)


@pytest.mark.parametrize("uri", ["DATA:IMAGE/PNG;BASE64,", "data:;base64,", "data:image/png;charset=utf-8;Base64,"])
def test_the_address_may_be_written_in_any_way(uri: str) -> None:
    assert describe_data_uri(uri + b64encode(a_png(500, 500)).decode()) is not None


@pytest.mark.parametrize(
    "uri",
    [
        "", "data", "data:", "data:,", "data:image/png;base64", "data:image/png;base64,", "data:image/png,AAAA",
        "data:image/png;base64,AAAA", "data:image/png;base64,iVBORw0KGgo", "data:image/png;base64,iVBO=w0K",
        "data:image/png;base64,雪", "data:image/png;base64,%69%56", "data:image/png;base64,iVBO Rw0K",
    ],
)  # fmt: skip
def test_what_is_no_file_is_none(uri: str) -> None:
    assert describe_data_uri(uri) is None


@pytest.mark.parametrize("mark", ["!", " ", "\n", "=", "雪"], ids=repr)
def test_base64_holds_no_other_marks(mark: str) -> None:
    data = b64encode(a_png(500, 500)).decode()

    assert describe_data_uri(f"data:image/png;base64,{data[:8]}{mark}{data[8:]}") is None


@pytest.mark.parametrize("name", WHOLE)
def test_a_head_that_was_cut_off_never_lies_about_sides(name: str) -> None:
    content, kind, sides, _ = WHOLE[name]

    for length in range(min(len(content), 100)):
        found = described(content[:length])
        assert found is None or (found.format == kind and found.sides in (sides, None))


def test_a_jpeg_whose_size_comes_too_late_is_a_jpeg_without_sides() -> None:
    found = described(a_jpeg(1280, 720, before=a_segment(0xE1, 60_000) * 3))

    assert found is not None
    assert (found.format, found.sides) == ("jpeg", None)


def test_a_jpeg_with_a_broken_segment_comes_to_an_end() -> None:
    assert described(b"\xff\xd8" + b"\xff\xe0\x00\x00" * 1_000) is not None


MAGIC = [
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8",
    b"\xff\xd8\xff\xe0",
    b"BM",
    b"RIFF\x00\x00\x00\x00WEBP",
    b"RIFF1234WAVE",
    b"ID3",
]


@given(st.sampled_from([b"", *MAGIC, b"RIFF1234WEBPVP8X", b"RIFF1234WEBPVP8L"]), st.binary(max_size=80))
def test_no_bytes_break_it(magic: bytes, rest: bytes) -> None:
    found = described(magic + rest)

    assert found is None or found.size_bytes == len(magic + rest)


@given(st.text())
def test_no_text_breaks_it(text: str) -> None:
    describe_data_uri(text)
    describe_data_uri(f"data:image/png;base64,{text}")
