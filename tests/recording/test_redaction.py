"""Redaction keeps what a replay needs: prompts, one fake for one id, bodies that still are what they were."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fakescope.recording.exchange import Exchange, Headers, Request, Response
from fakescope.recording.redaction import as_recorded, redact

BASE = "https://dashscope.aliyuncs.com/api/v1"
SUBMIT = f"{BASE}/services/aigc/video-generation/video-synthesis"
UUID = "0fcfa6e6" + "-bec0-4938-a444-f23a47e8dd48"
JSON: Headers = (("Content-Type", "application/json"),)


def _asked(**body: Any) -> Request:
    return Request("POST", SUBMIT, JSON, json.dumps(body).encode())


def _told(**body: Any) -> Response:
    return Response(200, JSON, json.dumps(body).encode())


def _sent(**body: Any) -> Any:
    [exchange] = redact([Exchange(_asked(**body), Response(200))], "x")
    return json.loads(exchange.request.body)


def _answered(**body: Any) -> Any:
    [exchange] = redact([Exchange(Request("GET", BASE), _told(**body))], "x")
    return json.loads(exchange.response.body)


@pytest.mark.parametrize(
    "prompt",
    [
        "A heron at dawn, 4K, seed 2147483647",
        "The key: a red door. The token: a coin. Policy: keep calm! Cookie: chocolate.",
        "一只苍鹭，清晨，1280*720；password 是什么",
        "a risk-averse skier asks a desk-bound clerk",
        "see https://example.com/pictures/IMG_20240301_123456_HDR-Portrait2.png?width=300&v=2 and paint it",
        "[fakescope:fail=InternalError] wan2.6-t2v",
        "line one\r\nline two\ttab \u2028 \u0085 \ufeff \U0001f426",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855.png",
        UUID,
    ],
)
def test_a_harmless_prompt_stays_as_it_is(prompt: str) -> None:
    assert _sent(model="m", input={"prompt": prompt})["input"]["prompt"] == prompt


def test_a_uuid_of_the_users_own_stays_though_the_answer_repeats_it() -> None:
    """A replay is asked with the same one."""
    task = "7fcfa6e6" + "-bec0-4938-a444-f23a47e8dd48"
    told = _told(output={"task_id": task, "orig_prompt": f"A heron named {UUID}"})

    [exchange] = redact([Exchange(_asked(model="m", input={"prompt": f"A heron named {UUID}"}), told)], "x")

    assert json.loads(exchange.request.body)["input"]["prompt"] == f"A heron named {UUID}"
    output = json.loads(exchange.response.body)["output"]
    assert output["orig_prompt"] == f"A heron named {UUID}"
    assert output["task_id"].startswith("fa4e")


def test_an_id_of_the_vendors_in_a_prompt_is_its_fake() -> None:
    told = Exchange(_asked(model="m", input={"prompt": "A heron"}), _told(output={"task_id": UUID}))
    asked = Exchange(_asked(model="m", input={"prompt": f"As in {UUID}"}), Response(200), 1)

    first, second = redact([told, asked], "x")

    fake = json.loads(first.response.body)["output"]["task_id"]
    assert fake != UUID
    assert json.loads(second.request.body)["input"]["prompt"] == f"As in {fake}"


@pytest.mark.parametrize(
    ("link", "kept"),
    [
        ("https://example.com/a.png", "https://example.com/a.png"),
        ("https://example.com/a.png?v=2&user=me#top", "https://example.com/a.png?v=2&user=redacted"),
        ("https://me:secret@example.com:8443/a b.png", "https://example.com:8443/a b.png"),
        ("https://b.oss-cn-beijing.aliyuncs.com/a.png?Expires=17&Signature=xyz%3D", None),
    ],
)
def test_of_an_inputs_link_address_and_path_stay(link: str, kept: str | None) -> None:
    signed = "https://b.oss-cn-beijing.aliyuncs.com/a.png?Expires=17&Signature=redacted"

    assert _sent(input={"img_url": link})["input"]["img_url"] == (kept or signed)


def test_two_pictures_in_base64_stay_two_and_one_stays_one() -> None:
    one, two = ("data:image/png;base64,iVBORw0KGgo" + end for end in ("AAAA", "BBBB"))

    first, second, again = _sent(input={"images": [one, two, one]})["input"]["images"]

    assert first == again != second
    assert first.startswith("data:image/png;fakescope,sha256=")
    assert first.endswith(f";bytes={len(one)}")


def test_a_request_of_today_is_as_its_recording() -> None:
    """Whoever replays sends pictures, signed links and keys again, and finds what was recorded of them."""
    request = _asked(
        model="wan2.6-i2v",
        input={"prompt": "A heron", "img_url": "data:image/png;base64,iVBORw0KGgoAAAA"},
        parameters={"callback": "https://example.com/done?token=abc", "seed": 7},
    )
    [recorded] = redact([Exchange(request, _told(output={"task_id": UUID}))], "x")

    assert as_recorded(request) == recorded.request
    assert as_recorded(recorded.request) == recorded.request


def test_an_upload_is_one_upload_in_all_of_its_requests() -> None:
    folder = f"dashscope-instant/{'8f1c2d3e' * 4}/2026-11-21/{UUID}"
    host = "https://dashscope-file-mgr.oss-cn-beijing.aliyuncs.com"
    credential = {
        "policy": "abc",
        "signature": "def",
        "upload_dir": folder,
        "upload_host": host,
        "max_file_size_mb": 100,
    }
    fields = {"OSSAccessKeyId": "LT", "policy": "abc", "key": f"{folder}/a b.png", "success_action_status": "200"}
    form = "".join(f'--b1\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in fields.items())
    form += '--b1\r\nContent-Disposition: form-data; name="file"; filename="a b.png"\r\n\r\n\u0089PNG\r\n--b1--\r\n'
    multipart = (("Content-Type", "multipart/form-data; boundary=b1"),)

    given, uploaded, used = redact(
        [
            Exchange(
                Request("GET", f"{BASE}/uploads?action=getPolicy&model=m"), _told(data=credential, request_id=UUID)
            ),
            Exchange(Request("POST", f"{host}/", multipart, form.encode()), Response(200)),
            Exchange(_asked(model="m", input={"img_url": f"oss://{folder}/a b.png"}), Response(200)),
        ],
        "x",
    )

    answer = json.loads(given.response.body)
    fake = answer["data"].pop("upload_dir")
    assert fake == f"dashscope-instant/fa4e{1:028d}/2026-11-21/{answer['request_id']}"
    assert answer["request_id"] != UUID
    assert answer["data"] == {
        "policy": "redacted",
        "signature": "redacted",
        "upload_host": host,
        "max_file_size_mb": 100,
    }
    assert given.request.url.endswith("?action=getPolicy&model=m")
    assert f'name="key"\r\n\r\n{fake}/a b.png\r\n' in uploaded.request.body.decode()
    assert 'filename="a b.png"\r\n\r\nredacted: 5 bytes\r\n' in uploaded.request.body.decode()
    assert 'name="success_action_status"\r\n\r\n200\r\n' in uploaded.request.body.decode()
    assert uploaded.request.headers == (("Content-Type", "multipart/form-data; boundary=fakescope"),)
    assert json.loads(used.request.body)["input"]["img_url"] == f"oss://{fake}/a b.png"


def test_accounts_are_fakes_and_stay_who_they_are() -> None:
    uid, key = "1974025" + "974025318", "42677"
    rows = [{"caller_uid": uid, "caller_parent_id": uid, "api_key_id": key}, {"caller_uid": "other7"}]
    listed = _told(data=rows, message=f"of {uid}")

    [exchange] = redact([Exchange(Request("GET", f"{BASE}/tasks?api_key_id={key}&page_no=2"), listed)], "x")

    body = json.loads(exchange.response.body)
    one, other, account = "fake-account-1", "fake-account-3", "fake-account-2"
    assert exchange.request.url == f"{BASE}/tasks?api_key_id={one}&page_no=2"
    assert body["data"] == [
        {"caller_uid": account, "caller_parent_id": account, "api_key_id": one},
        {"caller_uid": other},
    ]
    assert body["message"] == f"of {account}"


def test_fields_of_answers_that_nobody_knows_stay_if_they_are_harmless() -> None:
    harmless = {"a": 1.5, "b": True, "c": None, "d": "fast lane", "e": [1, {"f": -3}], "g": 1_709_260_685_184}

    assert _answered(**harmless) == harmless
    assert _answered(blob="word " * 100, uid=7, n=10**15) == {"blob": "redacted", "uid": 0, "n": 0}
    assert _answered(message="word " * 100) == {"message": "word " * 100}


def test_usage_is_no_secret_though_tokens_are_counted() -> None:
    usage = {"input_tokens": 12, "output_tokens": 3, "total_tokens": 15, "SR": 720}

    assert _answered(usage=usage) == {"usage": usage}


def test_numbers_are_written_as_they_were() -> None:
    [exchange] = redact([Exchange(Request("GET", BASE), Response(200, (), b'{"a": 1.0, "b": 1e3, "c": -0.5}'))], "x")

    assert exchange.response.body == b'{\n  "a": 1.0,\n  "b": 1000.0,\n  "c": -0.5\n}'


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": 1, "a": 2}',
        b'{"a": NaN}',
        b'{"a": 1e999}',
        b"[" * 500 + b"]" * 500,
        b'"text"',
        b"plain",
        b'{"a": "\xff"}',
    ],
)
def test_what_cannot_be_written_again_is_withheld(body: bytes) -> None:
    [exchange] = redact([Exchange(_asked()._replace(body=body), Response(200))], "x")

    assert exchange.request.body == f"redacted: {len(body)} bytes".encode()


def test_events_stay_events() -> None:
    stream = f'id:1\nevent:result\n:HTTP_STATUS/200\ndata:{{"request_id": "{UUID}", "output": {{"text": "鹭"}}}}\n\n'
    [exchange] = redact([Exchange(Request("GET", BASE), Response(200, (), stream.encode()))], "x")

    first, event, status, data, *_ = exchange.response.body.decode().split("\n")
    assert (first, event, status) == ("id:1", "event:result", ":HTTP_STATUS/200")
    assert json.loads(data.removeprefix("data:"))["output"] == {"text": "鹭"}
    assert UUID not in data


def test_the_storages_error_keeps_code_and_message() -> None:
    xml = (
        b"<?xml version='1.0'?>\n<Error><Code>AccessDenied</Code><Message>Expired.</Message><HostId>h</HostId></Error>"
    )
    [exchange] = redact([Exchange(Request("GET", BASE), Response(403, (), xml))], "x")

    assert exchange.response.body.decode().split("\n")[1] == (
        "<Error><Code>AccessDenied</Code><Message>Expired.</Message></Error>"
    )


def test_headers_are_an_allow_list() -> None:
    sent = (("Accept", "*/*"), ("X-DashScope-Async", "enable"), ("X-Mine", "1"), ("User-Agent", "dashscope/2.0.2; x/y"))
    told = (
        ("Date", "Fri, 01 Mar 2024 09:38:24 GMT"),
        ("req-arrive-time", "1709285917033"),
        ("Via", "a"),
        ("Date", "\x00"),
    )
    [exchange] = redact([Exchange(Request("GET", BASE, sent), Response(200, told))], "x")

    assert exchange.request.headers == (*sent[:2], ("User-Agent", "dashscope/2.0.2"))
    assert exchange.response.headers == told[:2]


def test_long_hostile_texts_take_no_longer_than_long_ones() -> None:
    """Each would take hours if an expression went back and forth in it."""
    for text in ("a" * 100_000, "data:a/" + "a" * 100_000, "sk" * 50_000, "-----BEGIN " * 20_000, "eyJ" * 60_000,
                 "http://" * 30_000, "1" * 100_000, "aB1" * 60_000, "/" * 100_000, "<Code>" * 30_000):  # fmt: skip
        _sent(input={"prompt": text})
        _answered(message=text)


def test_what_a_request_has_for_its_key_is_found_elsewhere_though_it_looks_like_none() -> None:
    key = "my-gateway-password-of-2026"
    sent = _asked(input={"prompt": f"paint {key}, please"})._replace(
        headers=(*JSON, ("authorization", f"Bearer {key}"))
    )
    told = _told(code="InvalidApiKey", message=f"Incorrect API key: {key}")

    [exchange] = redact([Exchange(sent, told)], "x")

    assert key not in repr(exchange)
    assert "paint redacted, please" in exchange.request.body.decode()
    assert as_recorded(sent) == exchange.request  # so that a replay finds it


def test_json_that_curl_calls_a_form_is_kept_as_json() -> None:
    form = (("Content-Type", "application/x-www-form-urlencoded"),)
    sent = _asked(model="m", input={"prompt": "A heron"}, api_key="planted")._replace(headers=form)

    [exchange] = redact([Exchange(sent, Response(200))], "x")

    kept = json.loads(exchange.request.body)
    assert kept == {"model": "m", "input": {"prompt": "A heron"}, "api_key": "redacted"}
