"""A real server over a raw socket: what no HTTP library sends, and what HTTP/1.1 promises.

Whatever comes in, there is an answer in the vendor's envelope or the connection is closed; never a 5xx, never silence.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

TEXT = "/api/v1/services/aigc/video-generation/video-synthesis"
POLL = "/api/v1/tasks/1111"
GOOD = b'{"model":"wan2.6-t2v","input":{"prompt":"A heron"}}'
PATIENCE_S = 60  # longer than any answer takes, so that running out of it is a hang


class Answer(NamedTuple):
    """One response as it came over the socket."""

    status: int
    headers: dict[str, str]
    body: bytes


class Connection:
    """One TCP connection to the server."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        self._reader = self._socket.makefile("rb")

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()
        self._socket.close()

    def send(self, raw: bytes) -> None:
        self._socket.sendall(raw)

    def end(self) -> None:
        """Say that nothing more will be sent."""
        self._socket.shutdown(socket.SHUT_WR)

    def answer(self, *, to_head: bool = False) -> Answer | None:
        """The next answer, or None if the server closed the connection. Raises TimeoutError on a hang."""
        line = self._reader.readline()
        if not line:
            return None
        headers = {}
        while (header := self._reader.readline()) not in (b"\r\n", b""):
            name, _, value = header.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        has_body = not to_head or headers.get("content-type", "").startswith("text/plain")  # the parser's own answer
        length = int(headers.get("content-length", "0")) if has_body else 0
        return Answer(int(line.split()[1]), headers, self._reader.read(length))

    def answers(self, *, to_head: bool = False) -> Iterator[Answer]:
        """All answers until the server closes the connection. A reset is a close: it had not read everything."""
        try:
            while answer := self.answer(to_head=to_head):
                yield answer
        except ConnectionError:
            return


@pytest.fixture(scope="module")
def connect(start_server: Callable[..., Any]) -> Callable[[], Connection]:
    """A new connection to a server without limits, whose tasks end at once."""
    port = int(start_server("--no-limits", "--seed", "1", "--speed", "max").origin.rpartition(":")[2])
    return lambda: Connection(port)


def request(
    method: str = "POST", target: str = TEXT, body: bytes = GOOD, *more: bytes, length: bool = True, close: bool = True
) -> bytes:
    """A request of a client that may use the service, with `more` header lines."""
    lines = [f"{method} {target} HTTP/1.1".encode("latin-1"), b"Host: test", b"Authorization: Bearer sk-fake-test"]
    lines += [b"X-DashScope-Async: enable", *more]
    lines += [b"Content-Length: %d" % len(body)] if length else []
    lines += [b"Connection: close"] if close else []
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


# -- malformed requests


class Malformed(NamedTuple):
    """Bytes to send. `ends` says that no more will come, where the server could rightly wait for more."""

    raw: bytes
    ends: bool = False
    is_head: bool = False


MALFORMED: dict[str, st.SearchStrategy[Malformed]] = {}
EXAMPLES_EACH = 60
DIFFERENT_EACH = 25


def malformed(draw_one: Callable[[st.DrawFn], Malformed]) -> None:
    """Enter a kind of malformed request into the table."""
    MALFORMED[draw_one.__name__] = st.composite(draw_one)()


def one_line(raw: bytes) -> bytes:
    return raw.replace(b"\r", b"?").replace(b"\n", b"?").replace(b"\0", b"?")


def words(text: str) -> st.SearchStrategy[str]:
    return st.sampled_from(text.split())


def draft(model: str, where: str, name: str, text: str) -> bytes:
    """A draft in which one field is this JSON text, valid or not."""
    parts = {"input": '"prompt":"A heron","img_url":"https://h/i.png",', "parameters": ""}
    parts[where] += f'"{name}":{text}'
    given = ",".join(f'"{part}":{{{fields.rstrip(",")}}}' for part, fields in parts.items())
    return f'{{"model":"{model}",{given}}}'.encode("utf-8", "surrogatepass")


TARGETS = st.sampled_from([TEXT, f"{TEXT}/", POLL, f"{POLL}/", f"{POLL}/cancel", "/api/v1/tasks", "/", "//", "/api/v1"])
ESCAPED = st.binary(max_size=60).map(lambda raw: quote(raw, safe=""))
VALUES = st.binary(max_size=80).map(one_line)
MODELS = words("wan2.6-t2v wan2.5-t2v-preview wan2.2-t2v-plus wan2.6-i2v-flash wanx2.1-i2v-plus wan2.2-i2v-flash")
INPUTS = words("prompt negative_prompt audio_url img_url template").map(lambda name: ("input", name))
PARAMETERS = words("size resolution duration seed watermark prompt_extend audio shot_type").map(
    lambda name: ("parameters", name)
)
FIELDS = INPUTS | PARAMETERS
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
).map(json.dumps)
NOT_JSON = words(
    r"""NaN Infinity -Infinity 1e999 -1e999 01 1. .5 +1 0x10 'x' True x [1,] {"a":1,} /**/1 nul - { } [ ] , : "
    "\x41" "\ud800" "\udc00" "\u12" "\ "\q" 1,2 "a""b" {"a"} {1:2}"""
) | st.sampled_from(['"\0"', '"\n"', '"\ud800"', "9" * 5000, "-" + "9" * 400, "0." + "1" * 5000, '"' + "x" * 100_000])


@malformed
def garbage(draw: st.DrawFn) -> Malformed:
    return Malformed(draw(st.binary(min_size=1, max_size=300)) + b"\r\n\r\n", ends=True)


@malformed
def request_line(draw: st.DrawFn) -> Malformed:
    method = draw(words("GET get PRI M-SEARCH") | st.sampled_from(["", " ", "G\0T", "GET GET", "X" * 10_000]))
    target = draw(TARGETS | st.text(max_size=30))
    version = draw(words("HTTP/1.1 HTTP/0.9 HTTP/1.2 HTTP/2.0 HTTP/11.1 http/1.1 HTTP/ ICE/1.0 x"))
    return Malformed(f"{method} {target} {version}\r\nConnection: close\r\n\r\n".encode())


@malformed
def method(draw: st.DrawFn) -> Malformed:
    chosen = draw(words("PUT DELETE PATCH OPTIONS TRACE CONNECT PROPFIND PURGE LOCK SOURCE"))
    target = draw(TARGETS | words("* test:80 http://test/api/v1/tasks https://u:p@test:1/") | ESCAPED.map("/{}".format))
    return Malformed(request(chosen, target, draw(st.sampled_from([b"", GOOD]))))


@malformed
def head(draw: st.DrawFn) -> Malformed:
    return Malformed(request("HEAD", draw(TARGETS) + draw(ESCAPED), b""), is_head=True)


@malformed
def header(draw: st.DrawFn) -> Malformed:
    name = draw(
        words("X-A x!#$%&'*+.^`|~1: Accept: Content-Encoding: Date: Range: Via: : X:Y:").map(str.encode) | VALUES
    )
    return Malformed(request("POST", draw(TARGETS), GOOD, name + b" " + draw(VALUES)))


@malformed
def header_bomb(draw: st.DrawFn) -> Malformed:
    count, size = draw(st.sampled_from([(1, 100_000), (100, 1000), (10_000, 5)]))
    value = b"y" * (size + draw(st.integers(0, 99)))
    return Malformed(request("POST", draw(TARGETS), GOOD, *[b"X-%d: %s" % (n, value) for n in range(count)]))


@malformed
def credentials(draw: st.DrawFn) -> Malformed:
    name = draw(words("Authorization:Bearer Authorization: Host: X-DashScope-Async: Cookie: Origin:")).encode()
    return Malformed(request("POST", TEXT, GOOD, name.replace(b":", b": ") + b" " + draw(VALUES)))


@malformed
def content_length(draw: st.DrawFn) -> Malformed:
    lengths = draw(st.lists(words("-1 +5 0 0x5 5,5 99999999 1e3 49 50 51 7x") | st.just("9" * 30), max_size=3))
    body = draw(st.sampled_from([b"", GOOD]) | st.binary(max_size=20))
    lines = [b"Content-Length: " + length.encode() for length in lengths]
    return Malformed(request("POST", TEXT, body, *lines, length=False), ends=True)


@malformed
def chunked(draw: st.DrawFn) -> Malformed:
    coding = draw(st.sampled_from(["chunked", "chunked, chunked", "gzip, chunked", "identity", "x"])).encode()
    sizes = draw(st.lists(words("0 5 zz -1 5;x=y 7fffffff \0") | st.sampled_from(["", "5 ", "f" * 20]), max_size=5))
    body = b"".join(size.encode() + b"\r\n" + draw(st.binary(max_size=8)) + b"\r\n" for size in sizes)
    return Malformed(request("POST", TEXT, body, b"Transfer-Encoding: " + coding, length=False), ends=True)


@malformed
def truncated(draw: st.DrawFn) -> Malformed:
    whole = request("POST", draw(TARGETS))
    return Malformed(whole[: draw(st.integers(1, len(whole) - 1))], ends=True)


@malformed
def not_utf_8(draw: st.DrawFn) -> Malformed:
    return Malformed(request(body=GOOD[:-3] + draw(st.binary(max_size=100)) + b"\xff" + GOOD[-3:]))


@malformed
def encoding(draw: st.DrawFn) -> Malformed:
    mark = draw(st.sampled_from([b"", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\0", b"\x1f\x8b"]))
    body = GOOD.decode().replace("heron", draw(st.text("a\u732b\U0001f600", max_size=8)))
    codec = draw(words("utf-8 utf-16 utf-16-be utf-32 utf-7 cp500"))
    return Malformed(request(body=mark + body.encode(codec, "replace")))


@malformed
def content_type(draw: st.DrawFn) -> Malformed:
    return Malformed(request("POST", TEXT, GOOD, b"Content-Type: " + draw(VALUES)))


@malformed
def not_json(draw: st.DrawFn) -> Malformed:
    return Malformed(request(body=draft(draw(MODELS), *draw(FIELDS), draw(NOT_JSON))))


@malformed
def wrong_type(draw: st.DrawFn) -> Malformed:
    return Malformed(request(body=draft(draw(MODELS), *draw(FIELDS), draw(JSON))))


@malformed
def wrong_part(draw: st.DrawFn) -> Malformed:
    parts = {
        "model": '"wan2.6-t2v"',
        "input": '{"prompt":"A heron"}',
        draw(words("model input parameters")): draw(JSON),
    }
    return Malformed(request(body=("{" + ",".join(f'"{part}":{text}' for part, text in parts.items()) + "}").encode()))


@malformed
def wrong_whole(draw: st.DrawFn) -> Malformed:
    return Malformed(request(body=draw(JSON).encode()))


@malformed
def nesting(draw: st.DrawFn) -> Malformed:
    opening, closing = draw(st.sampled_from([("[", "]"), ("[", ""), ('{"a":', "}"), ('{"a":', ""), ("", "]")]))
    depth = draw(st.integers(900, 1100) | st.just(100_000))
    return Malformed(request(body=draft("wan2.6-t2v", *draw(FIELDS), opening * depth + "1" + closing * depth)))


@malformed
def escapes(draw: st.DrawFn) -> Malformed:
    codes = draw(st.lists(st.integers(0, 0x1F) | st.integers(0xD7FE, 0xE001), min_size=1, max_size=4))
    text = "".join(f"\\u{code:04x}" for code in codes)
    return Malformed(request(body=draft(draw(MODELS), *draw(FIELDS), f'"{text}"')))


@malformed
def path(draw: st.DrawFn) -> Malformed:
    start = draw(words("/api/v1/tasks/ /api/v1/services/ /api/v1/tasks?status= /%2e%2e/ / /api/v1/tasks/%00/"))
    rest = draw(ESCAPED | st.integers(1, 60_000).map(lambda size: "x" * size) | words("../.. % %zz %00 * ;a=b"))
    query = draw(ESCAPED | st.just("a=1&" * 2000) | st.just("page_no=" + "9" * 5000))
    return Malformed(request("GET", f"{start}{rest}?{query}", b""))


@malformed
def expect(draw: st.DrawFn) -> Malformed:
    value = draw(words("100-continue 100-Continue 200-ok 100-continue,x").map(str.encode) | VALUES)
    body, length = draw(st.sampled_from([b"", GOOD, b"{"])), draw(st.booleans())
    return Malformed(request(draw(words("POST GET PUT")), TEXT, body, b"Expect: " + value, length=length))


@malformed
def upgrade(draw: st.DrawFn) -> Malformed:
    to = draw(words("websocket h2c TLS/1.0 websocket,h2c x")).encode()
    key = b"Sec-WebSocket-Key: " + draw(VALUES)
    lines = [b"Connection: Upgrade", b"Upgrade: " + to, b"Sec-WebSocket-Version: 13", key]
    return Malformed(request(draw(words("GET POST")), draw(TARGETS), draw(st.sampled_from([b"", GOOD])), *lines))


@malformed
def pipeline(draw: st.DrawFn) -> Malformed:
    whole = [request(close=False), request("GET", POLL, b"", close=False)]
    refused = [request(body=b"{", close=False), request("PUT", close=False), request("GET", "/nothing", close=False)]
    broken = [b"", b"\0\r\n\r\n", request(length=False, close=False)]
    parts = draw(st.lists(st.sampled_from(whole + refused), min_size=1, max_size=8))
    return Malformed(b"".join(parts) + draw(st.sampled_from(broken)) + request("GET", POLL, b""))


def test_malformed_requests_are_at_least_five_hundred() -> None:
    assert len(MALFORMED) * DIFFERENT_EACH >= 500


@pytest.mark.parametrize("kind", MALFORMED)
def test_malformed_request_gets_an_envelope_or_a_close(connect: Callable[[], Connection], kind: str) -> None:
    tried = set()

    @settings(max_examples=EXAMPLES_EACH, phases=[Phase.generate])
    @given(MALFORMED[kind])
    def check(example: Malformed) -> None:
        tried.add(example)
        with connect() as connection:
            try:
                connection.send(example.raw)
                if example.ends:
                    connection.end()
            except ConnectionError:
                pass  # refused before everything was sent; the answer may still be there
            answers = list(connection.answers(to_head=example.is_head))
        for answer in answers:
            assert_harmless(answer, is_head=example.is_head)
        for task_id in task_ids(answers):  # what was accepted must not fail us later either
            with connect() as connection:
                connection.send(request("GET", f"/api/v1/tasks/{task_id}", b""))
                (polled,) = connection.answers()
            assert_harmless(polled)

    check()

    assert len(tried) >= DIFFERENT_EACH
    with connect() as connection:
        connection.send(request("GET", "/_fakescope/health", b""))
        health = connection.answer()
    assert health is not None
    assert json.loads(health.body)["status"] == "ok"


def task_ids(answers: list[Answer]) -> Iterator[str]:
    """The tasks that these answers accepted."""
    for answer in answers:
        if answer.status == 200 and b'"PENDING"' in answer.body:
            yield json.loads(answer.body)["output"]["task_id"]


def assert_harmless(answer: Answer, *, is_head: bool = False) -> None:
    """A good answer, a refusal in the vendor's envelope, or the last word of the HTTP parser."""
    assert answer.status < 500, answer
    if answer.status == 100 or is_head:
        return
    if answer.headers["content-type"].startswith("text/plain"):
        assert (answer.status, answer.headers["connection"]) == (400, "close")
        return
    body = json.loads(answer.body)
    if answer.status == 200:
        assert body["request_id"]
    else:
        assert set(body) == {"code", "message", "request_id"}
        assert all(isinstance(text, str) and text for text in body.values())


# -- what HTTP/1.1 promises


def test_connection_carries_a_hundred_polls(connect: Callable[[], Connection]) -> None:
    with connect() as connection:
        for n in range(100):
            connection.send(request("GET", f"/api/v1/tasks/{n}", b"", close=False))
            answer = connection.answer()
            assert answer is not None
            assert json.loads(answer.body)["output"]["task_id"] == str(n)


def test_pipelined_polls_are_answered_in_order(connect: Callable[[], Connection]) -> None:
    with connect() as connection:
        connection.send(b"".join(request("GET", f"/api/v1/tasks/{n}", b"", close=n == 9) for n in range(10)))

        answers = list(connection.answers())

    assert [json.loads(answer.body)["output"]["task_id"] for answer in answers] == [str(n) for n in range(10)]


def test_refused_submission_leaves_the_connection_usable(connect: Callable[[], Connection]) -> None:
    with connect() as connection:
        connection.send(request(body=b"{", close=False) + request())

        answers = list(connection.answers())

    assert [answer.status for answer in answers] == [400, 200]


def test_expect_100_is_answered_before_the_body_is_sent(connect: Callable[[], Connection]) -> None:
    head, _, body = request("POST", TEXT, GOOD, b"Expect: 100-continue").partition(b"\r\n\r\n")
    with connect() as connection:
        connection.send(head + b"\r\n\r\n")
        interim = connection.answer()
        connection.send(body)
        final = connection.answer()

    assert interim == Answer(100, {}, b"")
    assert final is not None
    assert json.loads(final.body)["output"]["task_status"] == "PENDING"


@pytest.mark.parametrize("more", [[], [b"Expect: 100-continue"]], ids=["plain", "expect"])
def test_body_announced_too_large_is_refused_unsent(connect: Callable[[], Connection], more: list[bytes]) -> None:
    with connect() as connection:
        connection.send(request("POST", TEXT, b"", b"Content-Length: 67108865", *more, length=False))
        answer = connection.answer()

    assert answer is not None
    assert answer.status == 400
    assert json.loads(answer.body)["message"] == "Exceeded limit on max bytes to request body : 67108864"


def test_body_that_turns_out_too_large_is_refused(connect: Callable[[], Connection]) -> None:
    chunk = b"1000000\r\n" + b" " * 0x1000000 + b"\r\n"  # 16 MiB
    with connect() as connection:
        connection.send(
            request("POST", TEXT, chunk * 4 + b"1\r\n \r\n0\r\n\r\n", b"Transfer-Encoding: chunked", length=False)
        )
        answer = connection.answer()

    assert answer is not None
    assert json.loads(answer.body)["code"] == "BadRequest.TooLarge"


def test_chunked_submission_is_accepted(connect: Callable[[], Connection]) -> None:
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in GOOD) + b"0\r\n\r\n"
    with connect() as connection:
        connection.send(request("POST", TEXT, chunks, b"Transfer-Encoding: chunked", length=False))
        answer = connection.answer()

    assert answer is not None
    assert answer.status == 200


def test_head_has_no_body_and_leaves_the_connection_usable(connect: Callable[[], Connection]) -> None:
    with connect() as connection:
        connection.send(request("HEAD", POLL, b"", close=False))
        head = connection.answer(to_head=True)
        connection.send(request("GET", POLL, b""))
        full = connection.answer()

    assert head is not None
    assert full is not None
    assert head.status == full.status == 200
    assert int(head.headers["content-length"]) == len(full.body)


def test_http_1_0_is_answered_and_closed(connect: Callable[[], Connection]) -> None:
    with connect() as connection:
        connection.send(f"GET {POLL} HTTP/1.0\r\nAuthorization: Bearer sk-fake-test\r\n\r\n".encode())
        answers = list(connection.answers())

    assert [answer.status for answer in answers] == [200]
