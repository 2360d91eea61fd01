"""Between a client and its upstream: what is forwarded, what is answered ourselves, what is recorded."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Callable
from decimal import Decimal
from io import StringIO
from typing import Any

import httpx
import pytest

from fakescope.catalog import Catalog
from fakescope.recording import proxy
from fakescope.recording.budget import Budget, Prices, Purse
from fakescope.recording.exchange import Exchange, Request, Response
from fakescope.recording.media import Policy
from fakescope.recording.proxy import Proxy, make_client
from fakescope.recording.recorder import Recorder
from fakescope.recording.redaction import as_recorded, redact

UPSTREAM, KEY = "https://dashscope.aliyuncs.com", "sk-real-0123456789abcdef"
T2V = "/api/v1/services/aigc/video-generation/video-synthesis"
TASK = "/api/v1/tasks/1f0c0000"
FILM = {"model": "wan2.6-t2v", "input": {"prompt": "A kite"}, "parameters": {"duration": 5}}  # 5 CNY
LINK = "https://dashscope-result-bj.oss-cn-beijing.aliyuncs.com/1d/a.mp4?Expires=1&OSSAccessKeyId=LTAI5t&Signature=x%3D"

Answer = Callable[[httpx.Request], httpx.Response]


class Bench:
    """A recorder between a client in this process and an upstream that is a function; both sides are looked at."""

    def __init__(
        self, catalog: Catalog, answer: Answer | httpx.AsyncBaseTransport, cny: str, media: Policy, clock: Any
    ) -> None:
        self.asked: list[httpx.Request] = []
        self.log = StringIO()
        self.recorder, self.purse = Recorder(clock), Purse(Budget(Decimal(cny)))
        transport = answer if isinstance(answer, httpx.AsyncBaseTransport) else httpx.MockTransport(self._noted(answer))
        self.app = Proxy(
            UPSTREAM,
            KEY,
            client=make_client(transport),
            recorder=self.recorder,
            prices=Prices(catalog, "dashscope.aliyuncs.com"),
            purse=self.purse,
            media=media,
            log=self.log,
        )
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app),
            base_url="http://recorder:8901",
            headers={"Authorization": "Bearer sk-fake-client-key"},
        )

    def _noted(self, answer: Answer) -> Answer:
        def noted(request: httpx.Request) -> httpx.Response:
            self.asked.append(request)
            return answer(request)

        return noted

    async def submit(self, **differs: Any) -> httpx.Response:
        return await self.http.post(T2V, json=FILM | differs, headers={"X-DashScope-Async": "enable"})

    @property
    def recorded(self) -> tuple[Exchange, ...]:
        return self.recorder.cassette().exchanges


@pytest.fixture
def bench(catalog: Catalog, clock: Any) -> Callable[..., Bench]:
    def make(answer: Any, cny: str = "100", media: Policy = "describe") -> Bench:
        return Bench(catalog, answer, cny, media, clock)

    return make


def accepted(_request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json={"output": {"task_id": "1f0c0000", "task_status": "PENDING"}, "request_id": "r"})


def ended(**output: Any) -> Answer:
    return lambda _request: httpx.Response(200, json={"output": {"task_id": "1f0c0000"} | output})


Benches = Callable[..., Bench]
pytestmark = pytest.mark.anyio


async def test_the_key_of_the_environment_takes_the_place_of_the_clients(bench: Benches) -> None:
    one = bench(accepted)

    await one.submit()

    assert one.asked[0].headers.get_list("authorization") == [f"Bearer {KEY}"]


async def test_no_key_is_in_what_is_recorded_wherever_it_stood(bench: Benches) -> None:
    def echo(request: httpx.Request) -> httpx.Response:
        return httpx.Response(
            401, headers={"x-told": KEY}, json={"message": f"{KEY} is wrong", "url": str(request.url)}
        )

    one = bench(echo)

    await one.http.get(f"{TASK}?api_key=sk-fake-client-key", headers={"X-Also": "sk-fake-client-key"})

    assert KEY not in repr(one.recorded)
    assert "sk-fake-client-key" not in repr(one.recorded)
    assert len(one.recorded) == 1


@pytest.mark.parametrize("key", ["sk-fake-client-key", "a-key-that-looks-like-no-key"])
async def test_a_prompt_with_the_clients_key_is_recorded_as_a_replay_looks_for_it(bench: Benches, key: str) -> None:
    one, own = bench(accepted), (("authorization", f"Bearer {key}"), ("content-type", "application/json"))
    body = json.dumps(FILM | {"input": {"prompt": f"A kite named {key}"}}).encode()

    await one.http.post(T2V, content=body, headers=[*own, ("X-DashScope-Async", "enable")])

    [recorded] = redact(one.recorded, "x")
    assert recorded.request.body == as_recorded(Request("POST", f"{UPSTREAM}{T2V}", own, body)).body


async def test_request_and_answer_pass_as_they_are(bench: Benches) -> None:
    one = bench(lambda _request: httpx.Response(429, headers={"x-request-id": "7"}, json={"code": "Throttling"}))

    answer = await one.http.get("/api/v1/tasks/?page_no=2&status=%E5%A5%BD", headers={"User-Agent": "dashscope/2.0.2"})

    assert str(one.asked[0].url) == f"{UPSTREAM}/api/v1/tasks/?page_no=2&status=%E5%A5%BD"
    assert one.asked[0].headers["host"] == "dashscope.aliyuncs.com"
    assert one.asked[0].headers["user-agent"] == "dashscope/2.0.2"
    assert (answer.status_code, answer.headers["x-request-id"], answer.json()) == (429, "7", {"code": "Throttling"})


async def test_headers_of_one_connection_are_not_passed_on_either_way(bench: Benches) -> None:
    own = {"Connection": "x-mine", "X-Mine": "1", "Keep-Alive": "timeout=5", "Set-Cookie": "acw_tc=1", "X-Other": "2"}
    one = bench(lambda _request: httpx.Response(200, headers=own, json={}))
    sent = {
        "Connection": "keep-alive, X-Hop",
        "X-Hop": "1",
        "TE": "trailers",
        "Cookie": "a=b",
        "X-Forwarded-For": "::1",
    }

    first = await one.http.get(TASK, headers=sent | {"X-HTTP-Method-Override": "POST"})
    await one.http.get(TASK)

    assert not {"x-hop", "te", "cookie", "x-forwarded-for", "x-http-method-override"} & set(one.asked[0].headers)
    assert not {"x-mine", "keep-alive", "connection"} & set(first.headers)
    assert first.headers["x-other"] == "2"
    assert "cookie" not in one.asked[1].headers  # the first answer's cookie is not kept for others


async def test_a_header_that_no_server_can_send_is_left_out_and_the_answer_comes(bench: Benches) -> None:
    one = bench(lambda _request: httpx.Response(200, headers={"x-odd": "a\x7fb", "x-fine": "c"}, json={}))

    answer = await one.http.get(TASK)

    assert (answer.status_code, "x-odd" in answer.headers, answer.headers["x-fine"]) == (200, False, "c")


async def test_nothing_of_ours_is_added_to_a_request_but_its_connection(bench: Benches) -> None:
    one = bench(accepted)
    asked = [{"type": "http.request", "body": b""}, {"type": "http.disconnect"}]

    async def receive() -> Any:
        return asked.pop(0)

    async def send(_message: Any) -> None:
        pass

    await call(one.app, TASK, receive, send)

    assert set(one.asked[0].headers) == {"host", "authorization", "accept-encoding"}


async def test_a_compressed_answer_is_recorded_and_passed_on_in_plain(bench: Benches) -> None:
    packed = gzip.compress(b'{"a": 1}')
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    one = bench(lambda _request: httpx.Response(200, headers=headers, content=packed))

    answer = await one.http.get(TASK)

    assert (answer.content, answer.headers["content-length"]) == (b'{"a": 1}', "8")
    assert one.recorded[0].response.body == b'{"a": 1}'
    assert "content-encoding" not in dict(one.recorded[0].response.headers)


async def test_an_encoding_that_nobody_asked_for_is_passed_on_with_its_name(bench: Benches) -> None:
    headers = {"Content-Encoding": "odd", "Content-Type": "application/json"}
    one = bench(lambda _request: httpx.Response(200, headers=headers, stream=Parts([b"\x80\x81"])))

    answer = await one.http.get(TASK)

    assert (answer.content, answer.headers["content-encoding"]) == (b"\x80\x81", "odd")


async def test_instants_are_when_requests_were_sent(bench: Benches, clock: Any) -> None:
    one = bench(accepted)

    await one.submit()
    clock.advance(seconds=4.5)
    await one.http.get(TASK)

    assert [exchange.at_ms for exchange in one.recorded] == [0, 4500]


async def test_exchanges_are_in_the_order_of_sending_not_of_answering(bench: Benches, clock: Any) -> None:
    gate = asyncio.Event()

    async def upstream(scope: Any, _receive: Any, send: Any) -> None:
        if scope["path"].endswith("/slow"):
            await gate.wait()
        gate.set()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    one = bench(httpx.ASGITransport(upstream))

    async def then_fast() -> None:
        await asyncio.sleep(0)
        clock.advance(seconds=1)
        await one.http.get("/api/v1/tasks/fast")

    await asyncio.gather(one.http.get("/api/v1/tasks/slow"), then_fast())

    assert [exchange.request.url[-4:] for exchange in one.recorded] == ["slow", "fast"]


# -- money


async def test_over_the_budget_is_refused_in_our_own_voice_and_not_sent(bench: Benches) -> None:
    one = bench(accepted, cny="7")

    answers = [await one.submit() for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 402]
    assert answers[1].headers["x-fakescope-error"] == "OverBudget"
    assert answers[1].headers["content-type"] == "application/problem+json"
    assert "5.00 CNY" in answers[1].json()["detail"]
    assert "2.00 CNY of 7 are left" in answers[1].json()["detail"]
    assert (len(one.asked), len(one.recorded)) == (1, 1)


async def test_a_budget_of_nothing_lets_polls_through_and_nothing_billable(bench: Benches) -> None:
    one = bench(accepted, cny="0")

    statuses = [(await one.submit()).status_code, (await one.http.get(TASK)).status_code]

    assert statuses == [402, 200]


async def test_without_a_known_price_nothing_is_sent_unless_allowed(bench: Benches) -> None:
    one = bench(accepted)

    refused = await one.submit(model="wan9.9-t2v")
    one.purse.allow_unpriced = True
    passed = await one.submit(model="wan9.9-t2v")

    assert (refused.status_code, refused.headers["x-fakescope-error"]) == (403, "Unpriced")
    assert "--allow-unpriced" in refused.json()["detail"]
    assert (passed.status_code, one.purse.uncounted, one.purse.budget.reserved) == (200, 1, Decimal(0))


@pytest.mark.parametrize(("status", "counted"), [(400, 0), (401, 0), (429, 0), (500, 5), (503, 5), (200, 5)])
async def test_money_comes_back_where_the_vendor_refused(bench: Benches, status: int, counted: int) -> None:
    """What ends in 500 and above may have been accepted."""
    one = bench(lambda _request: httpx.Response(status, json={"code": "X"}))

    await one.submit()

    assert one.purse.budget.reserved == counted


@pytest.mark.parametrize(("status", "counted"), [("FAILED", 0), ("CANCELED", 0), ("SUCCEEDED", 5), ("RUNNING", 5)])
async def test_money_comes_back_once_where_a_task_was_not_billed(bench: Benches, status: str, counted: int) -> None:
    one = bench(lambda request: (accepted if request.method == "POST" else ended(task_status=status))(request))

    await one.submit()
    for _ in range(3):
        await one.http.get(TASK)

    assert one.purse.budget.reserved == counted


@pytest.mark.parametrize(
    ("error", "status", "counted"),
    [
        (httpx.ConnectError("down"), 502, 0),
        (httpx.ConnectTimeout("down"), 504, 0),
        (httpx.ReadTimeout("slow"), 504, 5),
        (httpx.ReadError("broken"), 502, 5),
        (httpx.RemoteProtocolError("broken"), 502, 5),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_an_upstream_that_does_not_answer_is_one_line_of_ours(
    bench: Benches, error: Exception, status: int, counted: int
) -> None:
    """What may have arrived stays counted; what was never sent does not."""

    def fail(_request: httpx.Request) -> httpx.Response:
        raise error

    one = bench(fail)

    answer = await one.submit()

    assert (answer.status_code, one.purse.budget.reserved) == (status, Decimal(counted))
    assert answer.headers["x-fakescope-error"].startswith("Upstream")
    assert "dashscope.aliyuncs.com" in answer.json()["detail"]
    assert one.log.getvalue().count("\n") == 1
    assert one.recorded == ()


async def test_a_request_that_is_too_large_is_refused_by_us(bench: Benches, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxy, "MOST_REQUEST_BYTES", 50)
    one = bench(accepted)

    answer = await one.submit()

    assert (answer.status_code, answer.headers["x-fakescope-error"], one.asked) == (413, "TooLarge", [])


async def test_an_answer_that_is_too_large_passes_and_is_not_recorded(
    bench: Benches, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proxy, "MOST_RECORDED_BYTES", 50)
    one = bench(lambda _request: httpx.Response(200, stream=Parts([b"x" * 30] * 3)))

    answer = await one.http.get(TASK)

    assert answer.content == b"x" * 90
    assert one.recorded == ()
    assert "larger than 50 bytes" in one.log.getvalue()


# -- links


@pytest.mark.parametrize("media", ["keep", "describe"])
async def test_result_links_lead_through_here_and_the_download_is_recorded(bench: Benches, media: Policy) -> None:
    film = bytes(range(256)) * 1000

    def vendor(request: httpx.Request) -> httpx.Response:
        if request.url.host != "dashscope.aliyuncs.com":
            return httpx.Response(200, headers={"Content-Type": "video/mp4"}, content=film)
        return ended(task_status="SUCCEEDED", video_url=LINK)(request)

    one = bench(vendor, media=media)

    link = (await one.http.get(TASK)).json()["output"]["video_url"]
    again = (await one.http.get(TASK)).json()["output"]["video_url"]
    download = await one.http.get(link)

    assert link.startswith("http://recorder:8901/_fakescope/result/")
    assert link.endswith("a.mp4")
    assert again == link
    assert download.content == film
    assert str(one.asked[2].url) == LINK
    assert "authorization" not in one.asked[2].headers
    assert [exchange.request.url for exchange in one.recorded] == [UPSTREAM + TASK, UPSTREAM + TASK, LINK]
    assert LINK.encode() in one.recorded[0].response.body


async def test_links_stay_as_they_are_where_downloads_are_not_wanted(bench: Benches) -> None:
    one = bench(ended(task_status="SUCCEEDED", video_url=LINK), media="drop")

    assert (await one.http.get(TASK)).json()["output"]["video_url"] == LINK


async def test_a_result_given_to_the_next_task_is_named_by_the_vendors_link(bench: Benches) -> None:
    one = bench(ended(task_status="SUCCEEDED", video_url=LINK))
    ours = (await one.http.get(TASK)).json()["output"]["video_url"]

    body = {"model": "wan2.6-i2v", "input": {"prompt": "x", "img_url": ours}, "parameters": {"duration": 5}}
    await one.http.post(T2V, json=body, headers={"X-DashScope-Async": "enable"})

    assert json.loads(one.asked[1].content)["input"]["img_url"] == LINK


@pytest.mark.parametrize(
    "text",
    [
        "https://example.com/a.mp4?Signature=x",
        "https://aliyuncs.com.example.com/?Signature=x",
        LINK.partition("?")[0],
        f"see {LINK}",
        "https://[/?Signature=x",
    ],
)
async def test_other_addresses_are_left_alone(bench: Benches, text: str) -> None:
    one = bench(ended(task_status="SUCCEEDED", video_url=text))

    assert (await one.http.get(TASK)).json()["output"]["video_url"] == text


async def test_only_links_that_were_given_can_be_downloaded(bench: Benches) -> None:
    one = bench(accepted)

    answers = [await one.http.get(path) for path in ("/_fakescope/result/0/a.mp4", "/_fakescope/clock")]

    assert [(a.status_code, a.headers["x-fakescope-error"]) for a in answers] == [(404, "NotFound")] * 2
    assert one.asked == []


# -- streams, web pages, marks


class Parts(httpx.AsyncByteStream):
    def __init__(self, parts: list[bytes], *, breaks: bool = False) -> None:
        self.parts, self.breaks, self.given = parts, breaks, 0

    async def __aiter__(self) -> Any:
        for part in self.parts:
            self.given += 1
            yield part
            await asyncio.sleep(0)
        if self.breaks:
            raise httpx.ReadError("gone")


async def call(app: Any, path: str, receive: Any, send: Any, **differs: Any) -> None:
    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": [], "scheme": "http"}
    await app(scope | differs, receive, send)


async def test_a_body_that_is_no_json_is_passed_on_as_it_comes(bench: Benches) -> None:
    parts = Parts([b"data: 1\n\n", b"data: 2\n\n"])
    one = bench(lambda _request: httpx.Response(200, headers={"Content-Type": "text/event-stream"}, stream=parts))
    seen: list[tuple[bytes, int]] = []
    asked = [{"type": "http.request", "body": b""}]

    async def receive() -> Any:
        return asked.pop() if asked else await asyncio.Event().wait()

    async def send(message: Any) -> None:
        seen.append((message.get("body", b""), parts.given))

    await call(one.app, TASK, receive, send)

    assert (b"data: 1\n\n", 1) in seen  # before the second part was there
    assert one.recorded[0].response.body == b"data: 1\n\ndata: 2\n\n"


async def test_when_the_client_leaves_a_download_ends_and_is_not_recorded(bench: Benches) -> None:
    parts = Parts([b"x"] * 1000)
    one = bench(lambda _request: httpx.Response(200, headers={"Content-Type": "video/mp4"}, stream=parts))
    messages = [{"type": "http.request", "body": b""}, {"type": "http.disconnect"}]

    async def receive() -> Any:
        return messages.pop(0)

    async def send(_message: Any) -> None:
        await asyncio.sleep(0)

    await call(one.app, TASK, receive, send)

    assert parts.given < 10
    assert one.recorded == ()


@pytest.mark.parametrize("kind", ["text/event-stream", "application/json"])
async def test_a_submission_goes_on_when_its_client_has_left(bench: Benches, kind: str) -> None:
    """It may have been sold: what became of it is recorded."""
    parts = Parts([b"{", b'"output": {}', b"}"])
    one = bench(lambda _request: httpx.Response(200, headers={"Content-Type": kind}, stream=parts))
    messages = [{"type": "http.request", "body": json.dumps(FILM).encode()}, {"type": "http.disconnect"}]

    async def receive() -> Any:
        return messages.pop(0)

    async def send(_message: Any) -> None:
        await asyncio.sleep(0)

    headers = [(b"x-dashscope-async", b"enable")]
    await call(one.app, T2V, receive, send, method="POST", headers=headers)

    assert one.recorded[0].response.body == b'{"output": {}}'
    assert one.purse.budget.reserved == 5


async def test_a_submission_that_is_cut_off_by_our_end_is_told(bench: Benches) -> None:
    async def upstream(_scope: Any, _receive: Any, _send: Any) -> None:
        await asyncio.Event().wait()

    one = bench(httpx.ASGITransport(upstream))
    submission = asyncio.ensure_future(one.submit())
    while not one.purse.budget.reserved:
        await asyncio.sleep(0)

    submission.cancel()
    await asyncio.gather(submission, return_exceptions=True)

    assert "a submission was cut off" in one.log.getvalue()
    assert one.purse.budget.reserved == 5


async def test_a_body_that_breaks_off_is_not_recorded_and_not_ended_as_if_it_were_whole(bench: Benches) -> None:
    parts = Parts([b"x"], breaks=True)
    one = bench(lambda _request: httpx.Response(200, headers={"Content-Type": "video/mp4"}, stream=parts))

    with pytest.raises(ConnectionError):
        await one.http.get(TASK)

    assert one.recorded == ()


async def test_a_client_that_leaves_within_its_request_causes_none(bench: Benches) -> None:
    one = bench(accepted)

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def send(_message: Any) -> None:
        raise AssertionError("there is nobody to answer")

    await call(one.app, TASK, receive, send)

    assert one.asked == []


async def test_web_pages_may_not_spend_the_key(bench: Benches) -> None:
    one = bench(accepted)

    answer = await one.http.post(T2V, json=FILM, headers={"Origin": "http://recorder:8901"})

    assert (answer.status_code, answer.headers["x-fakescope-error"]) == (403, "Forbidden")
    assert one.asked == []


async def test_redirects_are_passed_on_and_not_followed(bench: Benches) -> None:
    one = bench(lambda _request: httpx.Response(307, headers={"Location": "https://example.com/"}))

    answer = await one.http.get(TASK)

    assert (answer.status_code, answer.headers["location"], len(one.asked)) == (307, "https://example.com/", 1)


async def test_one_answer_of_a_simulator_makes_it_a_simulated_recording(bench: Benches) -> None:
    one = bench(accepted)
    await one.submit()
    assert one.recorder.cassette().provenance.basis == "seen"

    other = bench(lambda _request: httpx.Response(200, headers={"X-Fakescope-Version": "1"}, json={}))
    await other.http.get(TASK)

    assert other.recorder.cassette().provenance.basis == "simulated"


@pytest.mark.parametrize(
    "upstream", ["http://127.0.0.1:8900", "https://example.com", "https://notaliyuncs.com", "http://x.aliyuncs.com"]
)
def test_behind_a_host_that_is_not_the_vendors_nothing_is_called_seen(upstream: str, clock: Any) -> None:
    recorder = Recorder(clock)

    recorder.add(Exchange(Request("GET", f"{upstream}{TASK}"), Response(200)))

    assert recorder.cassette().provenance.basis == "simulated"


async def test_a_simulators_own_failure_is_not_recorded(bench: Benches) -> None:
    one = bench(lambda _request: httpx.Response(500, headers={"X-Fakescope-Error": "KeyError"}, json={}))

    answer = await one.http.get(TASK)

    assert answer.status_code == 500
    assert one.recorded == ()
