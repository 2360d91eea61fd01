"""Result links: the vendor's form, 24 hours of life on the account's clock, and what players ask of a file server."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

pytestmark = pytest.mark.anyio

DAY_S = 86_400
SUBMITTED_S = 1_770_600_000  # where the manual clock stands


async def link(caller: Any) -> str:
    """The link of a task that succeeded at the instant of its submission."""
    return str((await caller.output(await caller.accepted()))["video_url"])


async def test_link_has_the_vendors_form(hasty: Any) -> None:
    task_id = await hasty.accepted()

    parts = urlsplit((await hasty.output(task_id))["video_url"])

    query = parse_qs(parts.query)
    assert parts.path.startswith("/dashscope-result-bj/1d/")
    assert task_id in parts.path
    assert parts.path.endswith(".mp4")
    assert list(query) == ["Expires", "OSSAccessKeyId", "Signature"]
    assert query["Expires"] == [str(SUBMITTED_S + DAY_S)]
    assert query["OSSAccessKeyId"][0].startswith("LTAI")


async def test_link_gives_no_key_away(hasty: Any) -> None:
    assert "sk-fake-test" not in await link(hasty)


@pytest.mark.parametrize(
    ("host", "bucket"), [("dashscope-intl.aliyuncs.com", "sgp"), ("dashscope-us.aliyuncs.com", "us")]
)
async def test_link_names_the_bucket_of_the_region(hasty: Any, host: str, bucket: str) -> None:
    there = hasty.at(host)
    model = "wan2.6-t2v-us" if bucket == "us" else "wan2.6-t2v"

    url = (await there.output(await there.accepted(model=model)))["video_url"]

    assert url.startswith(f"http://{host}/dashscope-result-{bucket}/1d/")


async def test_link_gives_the_film_to_anybody(hasty: Any) -> None:
    url = await link(hasty)

    answer = await hasty.send("GET", url, headers={"Authorization": ""})

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.content[4:8] == b"ftyp"
    assert int(answer.headers["content-length"]) == len(answer.content)


@pytest.mark.parametrize(
    ("wanted", "part"),
    [
        ("bytes=0-3", slice(0, 4)),
        ("bytes=4-7", slice(4, 8)),
        ("bytes=100-", slice(100, None)),
        ("bytes=-5", slice(-5, None)),
        ("bytes=-999999999", slice(None)),
        ("bytes=10-999999999", slice(10, None)),
    ],
)
async def test_range_gives_that_part(hasty: Any, wanted: str, part: slice) -> None:
    url = await link(hasty)
    film = (await hasty.send("GET", url)).content

    answer = await hasty.send("GET", url, headers={"Range": wanted})

    start, stop, _ = part.indices(len(film))
    assert answer.status_code == 206
    assert answer.content == film[part]
    assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/{len(film)}"


async def test_range_of_the_last_byte(hasty: Any) -> None:
    url = await link(hasty)
    film = (await hasty.send("GET", url)).content
    last = len(film) - 1

    answer = await hasty.send("GET", url, headers={"Range": f"bytes={last}-{last}"})

    assert (answer.status_code, answer.content) == (206, film[-1:])


@pytest.mark.parametrize("beyond", [0, 1])
async def test_range_beyond_the_end_is_416_and_tells_the_length(hasty: Any, beyond: int) -> None:
    url = await link(hasty)
    length = len((await hasty.send("GET", url)).content)

    answer = await hasty.send("GET", url, headers={"Range": f"bytes={length + beyond}-"})

    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{length}"
    assert answer.content == b""


@pytest.mark.parametrize("wanted", ["bytes=-", "bytes=0-1,4-5", "lines=0-1", "bytes=x-1"])
async def test_range_that_is_not_understood_gives_the_whole(hasty: Any, wanted: str) -> None:
    answer = await hasty.send("GET", await link(hasty), headers={"Range": wanted})

    assert answer.status_code == 200


async def test_head_gives_the_length_alone(hasty: Any) -> None:
    url = await link(hasty)
    film = (await hasty.send("GET", url)).content

    answer = await hasty.send("HEAD", url)

    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) == len(film)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_other_methods_are_refused_as_a_bucket_does(hasty: Any, method: str) -> None:
    answer = await hasty.send(method, await link(hasty))

    assert answer.status_code == 405
    assert "<Code>MethodNotAllowed</Code>" in answer.text


async def test_link_expires_24_hours_after_the_task_ended(make_caller: Any, clock: Any) -> None:
    caller = make_caller(speed=1_000_000)
    task_id = await caller.accepted("A heron [fakescope:seconds=120]")
    clock.advance(seconds=120)
    url = (await caller.output(task_id))["video_url"]

    clock.advance(seconds=DAY_S - 0.001)
    last = await caller.send("GET", url)
    clock.advance(seconds=0.001)
    late = await caller.send("GET", url)

    assert last.status_code == 200
    assert late.status_code == 403
    assert late.headers["content-type"] == "application/xml"
    assert "<Code>AccessDenied</Code>" in late.text
    assert "<Message>Request has expired.</Message>" in late.text


async def test_link_outlives_its_task_whatever_else_is_submitted(make_caller: Any, clock: Any) -> None:
    caller = make_caller(speed=1_000_000)
    task_id = await caller.accepted("A heron [fakescope:seconds=3600]")
    clock.advance(hours=1)
    url = (await caller.output(task_id))["video_url"]

    clock.advance(hours=23.5)
    await caller.accepted()

    assert await caller.status(task_id) == "UNKNOWN"
    assert (await caller.send("GET", url)).status_code == 200


async def test_link_expires_by_the_clock_of_its_own_account(hasty: Any) -> None:
    alice, bob = hasty.using("sk-fake-alice"), hasty.using("sk-fake-bob")
    hers, his = await link(alice), await link(bob)

    await alice.order_clock(action="advance", seconds=DAY_S)

    assert (await alice.send("GET", hers)).status_code == 403
    assert (await alice.send("GET", his)).status_code == 200


@pytest.mark.parametrize("what", ["expiry", "task", "account", "signature", "no-query"])
async def test_link_that_was_changed_is_refused(hasty: Any, what: str) -> None:
    task_id = await hasty.accepted()
    url = (await hasty.output(task_id))["video_url"]
    other = await hasty.accepted()
    changed = {
        "expiry": url.replace(str(SUBMITTED_S + DAY_S), str(SUBMITTED_S + 2 * DAY_S)),
        "task": url.replace(task_id, other),
        "account": url.replace("&Signature", "0&Signature"),
        "signature": url.replace("&Signature=", "&Signature=A"),
        "no-query": url.partition("?")[0],
    }[what]

    answer = await hasty.send("GET", changed)

    assert changed != url
    assert answer.status_code == 403
    assert "<Code>SignatureDoesNotMatch</Code>" in answer.text
