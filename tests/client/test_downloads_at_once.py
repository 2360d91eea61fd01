"""Two downloads to one target: each has a part of its own, and the target is whole whoever ends first."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from fakescope_client import Task
from fakescope_client.files import Part

FILM = bytes(range(250)) * 40
LINK = "http://files.test/film.mp4"


class Halves(httpx.AsyncByteStream):
    """A body whose second half waits until both downloads have begun; the later one ends first."""

    def __init__(self, begun: list[asyncio.Event], number: int) -> None:
        self._begun, self._number = begun, number

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield FILM[: 3_000 + 1_000 * self._number]
        self._begun[self._number].set()
        await self._begun[1].wait()
        for _ in range(20 * (1 - self._number)):
            await asyncio.sleep(0)
        yield FILM[3_000 + 1_000 * self._number :]


@pytest.mark.anyio
async def test_two_downloads_to_one_target_do_not_disturb_each_other(world: Any, tmp_path: Path) -> None:
    begun = [asyncio.Event(), asyncio.Event()]

    def answer(number: int) -> Callable[..., httpx.Response]:
        headers = {"content-length": str(len(FILM))}
        return lambda *_: httpx.Response(200, headers=headers, stream=Halves(begun, number))

    world.wire.faults["download"] = [answer(0), answer(1)]
    client = world.async_client()

    both = await asyncio.gather(*(client.download(LINK, tmp_path / "film.mp4") for _ in range(2)))

    assert both == [[tmp_path / "film.mp4"]] * 2
    assert (tmp_path / "film.mp4").read_bytes() == FILM
    assert [file.name for file in tmp_path.iterdir()] == ["film.mp4"]


def part_of(tmp_path: Path, content: bytes) -> Path:
    """What an earlier download has left of the film."""
    part = Part(LINK, tmp_path / "film.mp4", None)
    part._write(content)
    part.__exit__(ZeroDivisionError)
    return part.path


def test_part_that_somebody_writes_to_is_left_alone_until_he_is_gone(world: Any, tmp_path: Path) -> None:
    path = part_of(tmp_path, FILM[:100])
    world.wire.faults["download"] = [lambda *_: httpx.Response(200, content=FILM)] * 2

    with path.open("ab") as somebody:
        fcntl.flock(somebody, fcntl.LOCK_EX)
        world.client().download(LINK, tmp_path / "film.mp4")
    world.client().download(LINK, tmp_path / "film.mp4")

    ranges = [dict(exchange.headers).get("range") for exchange in world.wire.exchanges]
    assert ranges == [None, "bytes=100-"]
    assert (tmp_path / "film.mp4").read_bytes() == FILM


def test_part_that_becomes_the_target_while_it_is_opened_is_not_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, lock = part_of(tmp_path, FILM), fcntl.flock

    def ends_now(file: Any, operation: int) -> None:
        if first.exists():
            first.replace(tmp_path / "film.mp4")
        lock(file, operation)

    monkeypatch.setattr(fcntl, "flock", ends_now)
    part = Part(LINK, tmp_path / "film.mp4", None)

    with part:
        part._write(b"another")
        assert (tmp_path / "film.mp4").read_bytes() == FILM
    assert (tmp_path / "film.mp4").read_bytes() == b"another"


@pytest.mark.parametrize("why", ["a disk without locks", "a system without locks"])
def test_where_there_are_no_locks_a_download_works_all_the_same(
    world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    if "disk" in why:
        monkeypatch.setattr(fcntl, "flock", refuse)
    else:
        monkeypatch.setitem(sys.modules, "fcntl", None)
    world.wire.faults["download"] = [lambda *_: httpx.Response(200, content=FILM)]

    (path,) = world.client().download(LINK, tmp_path / "film.mp4")

    assert path.read_bytes() == FILM


def test_pictures_of_an_answer_at_once_do_not_overwrite_each_other(world: Any, tmp_path: Path) -> None:
    links = ["http://files.test/a/picture.png", "http://files.test/b/picture.png"]
    body = {"request_id": "r-1", "output": {"results": [{"url": link} for link in links]}}
    world.wire.faults["download"] = [lambda *_, n=n: httpx.Response(200, content=b"%d" % n) for n in (1, 2)]

    paths = world.client().download(Task.parse(body), tmp_path)

    assert [(path.name, path.read_bytes()) for path in paths] == [("r-1-1.png", b"1"), ("r-1-2.png", b"2")]
