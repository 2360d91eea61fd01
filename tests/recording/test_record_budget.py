"""What a submission may cost is known before it is sent, and never more is submitted than the budget allows.

Prices in Beijing, by the vendor's table: wan2.6-t2v 1 CNY a second at 1080P, 0.6 at 720P; wan2.2-t2i-flash 0.14.
"""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from io import StringIO
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakescope.catalog import Catalog
from fakescope.recording.budget import Budget, BudgetError, Prices, Purse, parse_budget
from fakescope.recording.proxy import Proxy, make_client
from fakescope.recording.recorder import Recorder

VENDOR = "https://dashscope.aliyuncs.com"
T2V = "/api/v1/services/aigc/video-generation/video-synthesis"
T2I = "/api/v1/services/aigc/text2image/image-synthesis"
ASYNC = [("X-DashScope-Async", "enable")]


def film(seconds: int, size: str = "1920*1080", model: str = "wan2.6-t2v", **fields: Any) -> bytes:
    parameters = {"duration": seconds, "size": size}
    return json.dumps({"model": model, "input": {"prompt": "A kite"} | fields, "parameters": parameters}).encode()


def r2v(*files: str) -> bytes:
    given = {"prompt": "character1 waves", "reference_urls": list(files)}
    return json.dumps(
        {"model": "wan2.6-r2v", "input": given, "parameters": {"duration": 5, "size": "1920*1080"}}
    ).encode()


@pytest.mark.parametrize(
    ("path", "body", "cny"),
    [
        (T2V, film(5), "5"),
        (T2V, film(15), "15"),
        (T2V, film(10, "1280*720"), "6"),
        (T2I, json.dumps({"model": "wan2.2-t2i-flash", "input": {"prompt": "x"}, "parameters": {"n": 3}}), "0.42"),
        # A video of unknown length counts up to its cap of 5 seconds, beside the 5 that are made; so does any file.
        (T2V, r2v("https://example.com/a.mp4"), "10"),
        (T2V, r2v("https://example.com/a"), "10"),
    ],
    ids=["5 s", "15 s", "720P", "three pictures", "a video given", "a file without ending"],
)
def test_a_submission_is_estimated_at_the_vendors_price(catalog: Catalog, path: str, body: Any, cny: str) -> None:
    raw = body if isinstance(body, bytes) else body.encode()

    assert Prices(catalog, "dashscope.aliyuncs.com").of("POST", path, ASYNC, raw).cny == Decimal(cny)


def test_a_film_as_long_as_its_sound_counts_as_long_as_sound_may_be(catalog: Catalog) -> None:
    """videoretalk: 0.08 CNY a second, and audio and video of at most 120 seconds."""
    given = {"video_url": "https://example.com/a.mp4", "audio_url": "https://example.com/a.mp3"}
    body = json.dumps({"model": "videoretalk", "input": given}).encode()
    path = "/api/v1/services/aigc/image2video/video-synthesis"

    assert Prices(catalog, "dashscope.aliyuncs.com").of("POST", path, ASYNC, body).cny == Decimal("9.6")


@pytest.mark.parametrize(
    ("model", "parameters", "cny"),
    [
        ("wan2.7-videoedit", {"resolution": "720P"}, "12"),  # 10 s of at most 10 s given, and both are billed, at 0.6
        ("wan2.7-videoedit", {"resolution": "720P", "duration": 4}, "4.8"),  # cut: 4 s given, 4 s made
        ("wan3.0-video", {"resolution": "720P", "duration": -1}, "18"),  # at most 30 s at 0.6
    ],
)
def test_a_length_that_is_left_to_the_model_counts_as_its_longest(
    catalog: Catalog, model: str, parameters: dict[str, Any], cny: str
) -> None:
    media = [{"type": "video", "url": "https://example.com/a.mp4"}] if model == "wan2.7-videoedit" else []
    given = {"prompt": "In clay"} | ({"media": media} if media else {})
    body = json.dumps({"model": model, "input": given, "parameters": parameters}).encode()

    assert Prices(catalog, "dashscope.aliyuncs.com").of("POST", T2V, ASYNC, body).cny == Decimal(cny)


def test_at_a_host_of_no_known_region_the_dearest_region_counts(catalog: Catalog) -> None:
    """wan2.2-t2i-plus: 0.20 CNY a picture in Beijing, 0.366962 in Singapore."""
    body = json.dumps({"model": "wan2.2-t2i-plus", "input": {"prompt": "x"}, "parameters": {"n": 2}}).encode()

    here, there, anywhere = (
        Prices(catalog, host).of("POST", T2I, ASYNC, body).cny
        for host in ("dashscope.aliyuncs.com", "dashscope-intl.aliyuncs.com", "gateway.example.com")
    )

    assert (here, there, anywhere) == (Decimal("0.40"), Decimal("0.733924"), Decimal("0.733924"))


@pytest.mark.parametrize(
    ("method", "path", "body", "why"),
    [
        ("POST", T2V, film(5, model="wan9.9-t2v"), "not a known model"),
        ("POST", T2V, film(5, size="1*1"), "a field is wrong"),
        ("POST", T2V, film(5, model="wan2.6-t2v-us"), "virginia"),
        ("POST", T2I, film(5), "is served at"),
        ("POST", T2V, b"{", "not JSON"),
        ("POST", T2V, b"[]", "JSON object"),
        ("POST", "/compatible-mode/v1/chat/completions", b"{}", "not a submission"),
        ("POST", "/api/v1/tasks/a/b/cancel", b"", "not a submission"),
        ("POST", "/api/v1/tasks/../services/cancel", b"", "not a submission"),
        ("PUT", "/api/v1/tasks/1", b"", "not a submission"),
    ],
)
def test_what_cannot_be_priced_has_no_estimate_and_says_why(
    catalog: Catalog, method: str, path: str, body: bytes, why: str
) -> None:
    estimate = Prices(catalog, "dashscope.aliyuncs.com").of(method, path, ASYNC, body)

    assert estimate.cny is None
    assert why in estimate.why


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/api/v1/tasks/1f"), ("GET", "/api/v1/uploads"), ("HEAD", T2V), ("POST", "/api/v1/tasks/1f/cancel")],
)
def test_reading_and_cancelling_cost_nothing(catalog: Catalog, method: str, path: str) -> None:
    assert Prices(catalog, "dashscope.aliyuncs.com").of(method, path, [], b"").cny == 0


@pytest.mark.parametrize("text", ["", "five", "-1", "nan", "inf", "1e9", "٥٥٥٥٥٥٥٥"])
def test_a_budget_that_is_no_amount_is_refused_with_what_is(text: str) -> None:
    with pytest.raises(BudgetError, match="CNY from 0 to 1000000"):
        parse_budget(text)


@pytest.mark.parametrize(("text", "cny"), [("0", "0"), ("2.50", "2.5"), (" 7 ", "7")])
def test_a_budget_is_an_exact_amount(text: str, cny: str) -> None:
    assert parse_budget(text) == Decimal(cny)


@pytest.mark.parametrize(("text", "shown"), [("1e3", "1000"), ("-0", "0"), ("2.50", "2.50")])
def test_a_budget_is_shown_as_people_write_amounts(text: str, shown: str) -> None:
    assert str(parse_budget(text)) == shown


class Vendor:
    """A stand-in that takes its time, answers each submission as it is told to, and counts what it has sold."""

    def __init__(self, answers: dict[int, str], pauses: dict[int, int]) -> None:
        self._answers, self._pauses = answers, pauses
        self.sold = self.most_at_stake = self._at_stake = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        seconds = json.loads((await receive())["body"])["parameters"]["duration"]
        number = int(dict(scope["headers"])[b"x-number"])
        self._at_stake += seconds
        self.most_at_stake = max(self.most_at_stake, self._at_stake)
        for _ in range(self._pauses.get(number, 0)):
            await asyncio.sleep(0)
        verdict = self._answers.get(number, "accepted")
        if verdict == "broken":
            raise httpx.ReadError("gone")  # whether it was sold, the recorder cannot know
        if verdict == "accepted":
            self.sold += seconds
        else:
            self._at_stake -= seconds
        body = json.dumps({"output": {"task_id": f"task-{number}", "task_status": "PENDING"}}).encode()
        status = 200 if verdict == "accepted" else 400
        await send(
            {"type": "http.response.start", "status": status, "headers": [(b"content-type", b"application/json")]}
        )
        await send({"type": "http.response.body", "body": body})


class Still:
    def read(self) -> int:
        return 0


def proxy(catalog: Catalog, upstream: Any, cny: str, **differs: Any) -> tuple[httpx.AsyncClient, Budget]:
    budget = Budget(Decimal(cny))
    app = Proxy(
        VENDOR,
        "sk-upstream-key-0123456789",
        client=make_client(httpx.ASGITransport(upstream)),
        recorder=Recorder(Still()),
        prices=Prices(catalog, "dashscope.aliyuncs.com"),
        purse=Purse(budget),
        **differs,
    )
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://recorder"), budget


@given(
    seconds=st.lists(st.integers(2, 15), min_size=1, max_size=12),
    limit=st.integers(0, 60),
    answers=st.dictionaries(st.integers(0, 11), st.sampled_from(["refused", "broken"])),
    pauses=st.dictionaries(st.integers(0, 11), st.integers(0, 5)),
)
def test_never_more_is_submitted_at_a_time_than_the_budget_allows(
    catalog: Catalog, seconds: list[int], limit: int, answers: dict[int, str], pauses: dict[int, int]
) -> None:
    vendor = Vendor(answers, pauses)
    http, budget = proxy(catalog, vendor, str(limit), log=StringIO())

    async def all_at_once() -> list[httpx.Response]:
        return await asyncio.gather(
            *(
                http.post(T2V, content=film(s), headers={"X-DashScope-Async": "enable", "X-Number": str(n)})
                for n, s in enumerate(seconds)
            )
        )

    statuses = [answer.status_code for answer in asyncio.run(all_at_once())]

    lost = sum(s for n, s in enumerate(seconds) if statuses[n] == 502)
    assert vendor.most_at_stake <= limit
    assert budget.reserved == vendor.sold + lost  # and all else was given back
    assert set(statuses) <= {200, 400, 402, 502}
    if sum(seconds) <= limit:
        assert 402 not in statuses
