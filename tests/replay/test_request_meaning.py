"""What makes two requests the same, and what must not."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakescope.recording.exchange import Request
from fakescope.recording.matching import Meaning, agree, differences, meaning_of

BASE = "https://dashscope.aliyuncs.com/api/v1"
PATH = "/services/aigc/video-generation/video-synthesis"
PICTURE = "/services/aigc/text2image/image-synthesis"
BODY = {"model": "wan2.6-t2v", "input": {"prompt": "a cat"}, "parameters": {"size": "1280*720"}}
ASYNC = (("X-DashScope-Async", "enable"),)


def asked(body: Any = BODY, *, url: str = BASE + PATH, headers: Any = ASYNC, method: str = "POST") -> Meaning:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return meaning_of(Request(method, url, tuple(headers), raw))


def film(given: dict[str, Any] | None = None, **parameters: Any) -> dict[str, Any]:
    return {"model": "m", "input": {"prompt": "p"} | (given or {}), "parameters": parameters}


@pytest.mark.parametrize(
    "url",
    [
        f"http://127.0.0.1:45001/api/v1{PATH}",
        f"http://localhost{PATH}",
        f"{BASE}{PATH}/",
        f"{BASE}/{PATH}",
        f"https://proxy.example/some/prefix/api/v1{PATH}",
        f"https://dashscope-intl.aliyuncs.com/api/v1{PATH}",
    ],
)
def test_address_says_nothing(url: str) -> None:
    assert asked(url=url).key == asked().key


@pytest.mark.parametrize(
    "headers",
    [
        [("x-dashscope-async", "ENABLE")],
        [("Authorization", "Bearer sk-other"), *ASYNC],
        [*ASYNC, ("User-Agent", "curl/8"), ("Accept", "*/*")],
    ],
)
def test_headers_say_nothing_but_that_it_is_asynchronous(headers: Any) -> None:
    assert asked(headers=headers).key == asked().key


def test_request_that_wants_its_answer_at_once_is_another() -> None:
    assert asked(headers=[]).key != asked().key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (film(), {"parameters": {}, "input": {"prompt": "p"}, "model": "m"}),
        (film(), {"model": "m", "input": {"prompt": "p"}}),
        (film(), film({"negative_prompt": None})),
        (film(seed=1), film(seed=1.0)),
        (film(), film({"extend_prompt": True, "function": "video-synthesis"})),
        (film(), film(is_async=True)),
        (film(), film(wait_timeout=12.5)),
        (film(), film(with_audio=False)),
        (film({"negative_prompt": "n"}), film({"negative_prompt": "n"}, negative_prompt="n")),
        (film(), {**film(), "resources": None}),
    ],
    ids=[
        "order of keys",
        "no parameters",
        "null",
        "whole number as a fraction",
        "Python SDK, film",
        "Python SDK, picture",
        "Python SDK, asyncio",
        "Java SDK, film",
        "Java SDK, picture",
        "null at the top",
    ],
)
def test_habits_of_clients_say_nothing(one: Any, other: Any) -> None:
    assert asked(one).key == asked(other).key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (film(), film({"prompt": "P"})),
        (film(), film({"prompt": "p "})),
        (film({"prompt": "é"}), film({"prompt": "e\u0301"})),
        (film(), {**film(), "model": "n"}),
        (film(n=1), film(n=True)),
        (film(n=1), film(n="1")),
        (film(n=1.5), film(n=1)),
        (film(), film({"extend_prompt": False})),
        (film(), film({"function": "description_edit"})),
        (film(), film(with_audio=True)),
        (film(), film(is_async=False)),
        (film(), film(duration=5)),
        (film({"images": ["a", "b"]}), film({"images": ["b", "a"]})),
        (film({"images": ["a"]}), film({"images": ["a", None]})),
        (film({"negative_prompt": "n"}), film(negative_prompt="n")),
        (film({"img_url": "https://h/a.png?v=1"}), film({"img_url": "https://h/a.png?v=2"})),
        (film(), {**film(), "resources": [1]}),
    ],
)
def test_what_a_person_asked_for_is_told_apart(one: Any, other: Any) -> None:
    assert asked(one).key != asked(other).key


def test_function_of_a_picture_is_told_apart() -> None:
    url = BASE + PICTURE
    assert asked(film({"function": "video-synthesis"}), url=url).key != asked(film(), url=url).key


def test_path_is_told_apart() -> None:
    assert asked(url=BASE + PICTURE).key != asked().key


@given(one=st.text(), other=st.text())
def test_two_different_prompts_never_mean_the_same(one: str, other: str) -> None:
    assert (asked(film({"prompt": one})).key == asked(film({"prompt": other})).key) == (one == other)


def test_signature_of_a_link_says_nothing() -> None:
    signed = [film({"img_url": f"https://h/a.png?Expires={n}&Signature={n}"}) for n in (1, 2)]
    assert asked(signed[0]).key == asked(signed[1]).key == asked(film({"img_url": "https://h/a.png"})).key


def test_upload_is_known_by_its_file_name_alone() -> None:
    one, same, other = (
        asked(film({"img_url": f"oss://dashscope-instant/{name}"})) for name in ("a/1/x.png", "b/2/x.png", "a/1/y.png")
    )
    assert one.key == same.key != other.key


def as_data(content: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def test_file_within_a_request_is_known_by_its_digest() -> None:
    one, same, other = (asked(film({"img_url": as_data(content)})) for content in (b"one", b"one", b"other"))
    assert agree(one, same)
    assert not agree(one, other)


def test_files_of_two_kinds_are_told_apart() -> None:
    png, jpeg = (asked(film({"img_url": as_data(b"one", kind)})) for kind in ("image/png", "image/jpeg"))
    assert png.key != jpeg.key


def test_order_of_keys_does_not_change_the_order_of_files() -> None:
    frames = {"first_frame_url": as_data(b"one"), "last_frame_url": as_data(b"two")}
    assert agree(asked(film(frames)), asked(film(dict(reversed(frames.items())))))


@pytest.mark.parametrize(
    ("query", "same"),
    [
        ("page_no=1&page_size=10", True),
        ("page_size=10&page_no=1&status=", True),
        ("page_no=2", False),
        ("status=FAILED", False),
        ("start_time=20260101000000", False),
    ],
)
def test_list_is_known_by_its_query(query: str, same: bool) -> None:
    plain = asked(b"", url=f"{BASE}/tasks", method="GET", headers=())
    assert (asked(b"", url=f"{BASE}/tasks/?{query}", method="GET", headers=()).key == plain.key) == same


def test_days_of_a_list_say_nothing() -> None:
    one, other = (asked(b"", url=f"{BASE}/tasks?start_time=2026010{n}000000", method="GET") for n in (1, 2))
    assert one.key == other.key


@pytest.mark.parametrize(
    ("method", "url", "kind"),
    [
        ("GET", "/tasks/abc", "poll"),
        ("GET", "/tasks/abc/?size=1280*720", "poll"),
        ("HEAD", "/tasks/abc", "poll"),
        ("POST", "/tasks/abc/cancel/", "cancel"),
        ("GET", "/tasks/abc/cancel/", "ask"),
        ("GET", "/tasks", "ask"),
        ("GET", "/uploads?action=getPolicy&model=m", "ask"),
        ("POST", PATH, "submit"),
    ],
)
def test_request_is_of_this_kind(method: str, url: str, kind: str) -> None:
    meaning = asked(b"", url=BASE + url, method=method)
    assert (meaning.kind, meaning.task_id) == (kind, "abc" if kind in ("poll", "cancel") else "")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"null",
        b"[1, 2]",
        b'"text"',
        b'{"input": 5, "parameters": []}',
        b'{"a":' * 200 + b"1" + b"}" * 200,
        b"[" * 100_000,
        b'{"n": 1e400, "m": 123456789012345678901234567890}',
        b'{"n": NaN}',
    ],
)
def test_any_body_means_something_and_only_itself(body: bytes) -> None:
    assert asked(body).key == asked(body).key != asked().key


@pytest.mark.parametrize("url", ["http://[::1", "", "nowhere", "http://h:port/x", "http://h/%ff%00"])
def test_any_address_means_something(url: str) -> None:
    assert asked(url=url).key


def test_difference_names_fields_and_both_values() -> None:
    one = asked(film({"media": [{"type": "image", "url": "a"}]}, size="1280*720"))
    other = asked(film({"prompt": "q", "media": [{"type": "image", "url": "b"}]}, n=2))
    assert sorted(differences(one, other)) == [
        ("input.media[0].url", "a", "b"),
        ("input.prompt", "p", "q"),
        ("parameters.n", None, 2),
        ("parameters.size", "1280*720", None),
    ]


def test_difference_of_mode_is_named() -> None:
    assert differences(asked(), asked(headers=[])) == [("X-DashScope-Async", "enable", None)]
