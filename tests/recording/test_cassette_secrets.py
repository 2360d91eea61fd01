"""Secrets reach no file: each kind is planted everywhere and searched for in every byte; the lint finds each."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fakescope.recording import secrets
from fakescope.recording.exchange import Cassette, Exchange, Headers, Provenance, Request, Response
from fakescope.recording.files import CassetteError, load, save
from fakescope.recording.lint import lint
from fakescope.recording.redaction import redact
from fakescope.recording.secrets import KINDS

BASE = "https://dashscope.aliyuncs.com/api/v1"
SUBMIT = f"{BASE}/services/aigc/video-generation/video-synthesis"
JSON: Headers = (("Content-Type", "application/json"),)
FORM: Headers = (("Content-Type", "application/x-www-form-urlencoded"),)


class Secret(NamedTuple):
    """A text as it turns up in recordings, and the part of it that must not be in a file."""

    text: str
    needle: str


def _long(n: int, start: int = 0) -> str:
    """Letters and figures as a key draws them: put together here, so that this file holds no secret itself."""
    alphabet = "aB3dE5fG7hJ9kLmN2pQ4rS6tU8vWxYz"
    return "".join(alphabet[(start + i * 11) % len(alphabet)] for i in range(n))


def _policy() -> str:
    return base64.b64encode(b'{"expiration":"2026-11-21T12:10:24.488Z","conditions":[["starts-with"]]}').decode()


SECRETS = {
    "api key": Secret("sk-" + "9f3a51c7" * 4, "9f3a51c7" * 4),
    "api key of a workspace": Secret(f"sk-ws-H.{_long(7)}.{_long(4)}.{_long(90, 3)}", _long(7)),  # its head, too
    "api key of a plan": Secret("sk-sp-" + _long(40), _long(40)),
    "api key after an escape": Secret("\\nsk-" + "9f3a51c7" * 4, "9f3a51c7" * 4),
    "api key in an address in an address": Secret("u%3Dsk-" + "9f3a51c7" * 4, "9f3a51c7" * 4),
    "authorization": Secret("Bearer " + _long(24, 3), _long(24, 3)),
    "access key id": Secret("LTAI5t" + _long(18, 5), _long(18, 5)),
    "access key secret": Secret(_long(30, 7), _long(30, 7)),
    "temporary token": Secret("STS." + _long(26, 9), _long(26, 9)),
    "signed link": Secret(
        f"https://b.oss-cn-beijing.aliyuncs.com/a.png?Expires=1&Signature=q%2F{_long(20, 2)}%3D", _long(20, 2)
    ),
    "signed link of another cloud": Secret(
        f"https://b.s3.amazonaws.com/a.png?X-Amz-Credential=me&X-Amz-Signature={'4be1' * 16}", "4be1" * 16
    ),
    "upload policy": Secret(_policy(), _policy()[8:40]),
    "cookie": Secret("acw_tc=" + "0a5c6e1f" * 5, "0a5c6e1f" * 5),
    "base64 image": Secret("data:image/png;base64," + base64.b64encode(bytes(range(90))).decode(), "AAECAwQFBgcICQ"),
    "short base64 image": Secret("data:image/gif;base64,R0lGODlhAQABAAAAACw=", "R0lGODlhAQABAAAAACw"),
    "base64 without its kind": Secret(base64.b64encode(bytes(range(60, 150))).decode(), "PD0+P0BBQkNERUZH"),
    "account": Secret("1" + "974025" * 2 + "318", "1974025974025318"),
    "workspace": Secret("llm-" + "k3v9x0q7w2", "k3v9x0q7w2"),
    "workspace's host": Secret("https://ws-9d3k2m1p8.cn-beijing.maas.aliyuncs.com/api/v1/tasks", "9d3k2m1p8"),
    "password in a link": Secret("https://alice:" + "open-sesame" + "@files.example.com/a.png", "open-sesame"),
    "password by name": Secret("password=" + "open-sesame", "open-sesame"),
    "private key": Secret(
        "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIEow" + _long(40) + "\n-----END RSA PRIVATE KEY-----", _long(40)
    ),
    "token of GitHub": Secret("ghp" + "_" + _long(36, 4), _long(36, 4)),
}


def _sent(**body: Any) -> bytes:
    return json.dumps({"model": "wan2.6-t2v", "input": {"prompt": "A heron"}} | body).encode()


def _answer(**body: Any) -> Response:
    return Response(200, JSON, json.dumps({"request_id": "r", "output": {"task_status": "PENDING"}} | body).encode())


def _form(**parts: str) -> Request:
    fields = "".join(f'--x\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in parts.items())
    return Request(
        "POST",
        "https://dashscope-file-mgr.oss-cn-beijing.aliyuncs.com/",
        (("Content-Type", "multipart/form-data; boundary=x"),),
        f"{fields}--x--\r\n".encode(),
    )


def _post(body: bytes, headers: Headers = JSON) -> Request:
    return Request("POST", SUBMIT, headers, body)


def _with_header(name: str) -> Callable[[str], Request]:
    return lambda secret: Request("GET", f"{BASE}/tasks", ((name, secret),))


def _answer_with_header(name: str) -> Callable[[str], Response]:
    return lambda secret: Response(200, ((name, secret),))


REQUEST_HEADERS = (
    "Authorization", "Cookie", "X-Api-Key", "Accept", "User-Agent", "Content-Type", "Range", "Referer",
    "X-DashScope-Async", "X-DashScope-DataInspection", "X-DashScope-WorkSpace", "x-dashscope-sdk-client",
    "X-Acs-Security-Token", "X-Fakescope-Stand-In",
)  # fmt: skip
RESPONSE_HEADERS = (
    "Set-Cookie", "Date", "Server", "x-request-id", "x-dashscope-uid", "x-dashscope-apikeyid", "eagleeye-traceid",
    "Location", "Retry-After", "Content-Type", "Content-Disposition", "X-Fakescope-Rule", "X-Fakescope-Stand-In",
)  # fmt: skip
REQUESTS: dict[str, Callable[[str], Request]] = {
    **{f"header {name}": _with_header(name) for name in REQUEST_HEADERS},
    "user agent among others": lambda s: Request("GET", BASE, (("User-Agent", f"dashscope/2.0.2; key/{s}"),)),
    "query": lambda s: Request("GET", f"{BASE}/tasks?x={quote(s, safe='')}"),
    "query, known": lambda s: Request("GET", f"{BASE}/tasks?model_name={quote(s, safe='')}"),
    "query, of an account": lambda s: Request("GET", f"{BASE}/tasks?api_key_id={quote(s, safe='')}"),
    "query, its name": lambda s: Request("GET", f"{BASE}/tasks?{quote(s, safe='')}=1"),
    "path": lambda s: Request("GET", f"{BASE}/tasks/{quote(s, safe='')}"),
    "fragment": lambda s: Request("GET", f"{BASE}/tasks#{quote(s, safe='')}"),
    "user of the address": lambda s: Request("GET", f"https://me:{quote(s, safe='')}@dashscope.aliyuncs.com/api/v1/"),
    "prompt": lambda s: _post(_sent(input={"prompt": s})),
    "prompt, in words": lambda s: _post(_sent(input={"prompt": f"鹭 my secret is ({s}), hush"})),
    "parameter": lambda s: _post(_sent(parameters={"deep": [{"x": s}]})),
    "named parameter": lambda s: _post(_sent(parameters={"api_key": s, "uid": s, "workspace": s})),
    "named token": lambda s: _post(_sent(parameters={"security_token": s, "userPassword": s, "cookie": [s]})),
    "image": lambda s: _post(_sent(input={"img_url": s, "images": [s]})),
    "model": lambda s: _post(_sent(model=s)),
    "field nobody knows": lambda s: _post(_sent(whatever=s)),
    "name of a field": lambda s: _post(_sent(parameters={s: 1})),
    "JSON in JSON": lambda s: _post(_sent(input={"prompt": json.dumps({"a": s})})),
    "broken JSON": lambda s: _post(b'{"prompt": "' + s.encode()),
    "a JSON text": lambda s: _post(json.dumps(s).encode()),
    "text": lambda s: _post(s.encode(), (("Content-Type", "text/plain"),)),
    "bytes": lambda s: _post(b"\xff\x00" + s.encode()),
    "form": lambda s: _post(f"a={quote(s, safe='')}".encode(), FORM),
    "upload, field": lambda s: _form(key=s, policy=s, Signature=s, OSSAccessKeyId=s, other=s),
    "upload, known field": lambda s: _form(success_action_status=s, key=f"dashscope-instant/x/{s}"),
    "upload, broken": lambda s: _form(policy=s)._replace(headers=((FORM[0][0], f"multipart/form-data; boundary={s}"),)),
}  # fmt: skip
RESPONSES: dict[str, Callable[[str], Response]] = {
    **{f"answer's header {name}": _answer_with_header(name) for name in RESPONSE_HEADERS},
    "message": lambda s: _answer(code="InvalidParameter", message=f"bad value {s}."),
    "code": lambda s: _answer(code=s),
    "result": lambda s: _answer(output={"task_status": "SUCCEEDED", "video_url": s, "results": [{"url": s}]}),
    "result's path": lambda s: _answer(output={"video_url": f"https://files.example.com/{quote(s, safe='')}/a.mp4"}),
    "list": lambda s: _answer(data=[{"caller_uid": s, "caller_parent_id": s, "api_key_id": s}]),
    "upload credential": lambda s: _answer(
        data={"policy": s, "signature": s, "oss_access_key_id": s, "x_oss_object_acl": s, "upload_dir": s, "token": s}
    ),
    "answer's field nobody knows": lambda s: _answer(whatever={"x": [s, {"y": f"{s} {s}"}]}),
    "name of an answer's field": lambda s: _answer(**{s: s}),
    "events": lambda s: Response(200, (), f"id:1\nevent:{s}\ndata:{json.dumps({'a': s})}\n\n".encode()),
    "event that is no JSON": lambda s: Response(200, (), f"data:{s}\n\n".encode()),
    "XML": lambda s: Response(403, (), f"<Error><Code>{s}</Code><Message>m {s}</Message><X>{s}</X></Error>".encode()),
    "page": lambda s: Response(502, (), f"<html>{s}</html>".encode()),
    "answer's text": lambda s: Response(200, (("Content-Type", "text/plain"),), s.encode()),
    "answer's bytes": lambda s: Response(200, (("Content-Type", "image/png"),), b"\x89PNG" + s.encode()),
}  # fmt: skip
SEEN = Provenance("seen", "2026-11-21")


def _places(secret: str) -> tuple[Exchange, ...]:
    plain = Request("GET", f"{BASE}/tasks/1111")
    asked = [Exchange(place(secret), Response(200), n) for n, place in enumerate(REQUESTS.values())]
    return (*asked, *(Exchange(plain, place(secret), 1000 + n) for n, place in enumerate(RESPONSES.values())))


def _is_picture(exchange: Exchange) -> bool:
    """Pictures and films are not redacted: they are not written, or are looked through as they are."""
    return exchange.response.body.startswith(b"\x89PNG")


def _written(folder: Path) -> bytes:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return b"\n".join(bytes(path) + b"\n" + path.read_bytes() for path in files)


def _spellings(needle: str) -> set[bytes]:
    return {needle.encode(), quote(needle, safe="").encode(), needle.encode().hex().encode()}


@pytest.mark.parametrize("kind", SECRETS)
def test_a_secret_planted_everywhere_is_in_no_byte_written(kind: str, tmp_path: Path) -> None:
    secret = SECRETS[kind]
    said = Provenance("seen", secret.text, secret.text, {secret.text: secret.text})

    save(Cassette(said, _places(secret.text)), tmp_path / "planted.yaml")

    written = _written(tmp_path)
    assert not [line for line in written.split(b"\n") for form in _spellings(secret.needle) if form in line]
    assert len(load(tmp_path / "planted.yaml").exchanges) == len(REQUESTS) + len(RESPONSES)


@pytest.mark.parametrize("kind", SECRETS)
def test_a_secret_planted_in_one_place_alone_is_redacted_there(kind: str) -> None:
    """Beside others, an account or an id might be known from elsewhere in the cassette."""
    secret = SECRETS[kind]
    for exchange in _places(secret.text):
        [redacted] = redact([exchange], "x")

        shown = repr(
            (redacted.request, redacted.response._replace(body=b"") if _is_picture(exchange) else redacted.response)
        )
        assert not [form for form in _spellings(secret.needle) if form.decode() in shown], exchange


@pytest.mark.parametrize("kind", ["api key", "access key id", "authorization", "private key", "token of GitHub"])
def test_a_film_with_a_secret_in_it_is_not_kept(kind: str, tmp_path: Path) -> None:
    film = Response(200, (("Content-Type", "video/mp4"),), b"\0\0\0 ftypisom\0" + SECRETS[kind].text.encode())
    exchange = Exchange(Request("GET", "https://files.example.com/a.mp4"), film)

    with pytest.raises(CassetteError, match=r"not saved: .* in a result file\. Use --media describe"):
        save(Cassette(SEEN, (exchange,)), tmp_path / "film.yaml", media="keep")

    assert list(tmp_path.iterdir()) == []


def test_a_file_name_with_a_secret_in_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CassetteError, match="in its name"):
        save(Cassette(SEEN, ()), tmp_path / f"{SECRETS['api key'].text}.yaml")

    assert list(tmp_path.iterdir()) == []


def test_the_detector_stops_what_the_redactor_misses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fakescope.recording.files.redact", lambda exchanges, _name: tuple(exchanges))
    exchange = Exchange(_post(_sent(input={"prompt": SECRETS["api key"].text})), Response(200))

    with pytest.raises(CassetteError, match=r"not saved: interaction 1 .* an API key") as refused:
        save(Cassette(SEEN, (exchange,)), tmp_path / "x.yaml")

    assert SECRETS["api key"].needle not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


# -- the lint, which reads what nobody redacted

IN_A_BAD_FILE: dict[str, Callable[[dict[str, Secret]], str]] = {
    "api-key": lambda s: f'    body: \'{{"input": {{"prompt": "{s["api key"].text}"}}}}\'',
    "authorization": lambda s: f"      Authorization:\n      - {s['authorization'].text}",
    "cookie": lambda s: f"      Set-Cookie:\n      - {s['cookie'].text};path=/;HttpOnly",
    "access-key": lambda s: f"    body: {s['access key id'].text}",
    "signed-link": lambda s: f"    uri: {s['signed link'].text}",
    "upload-credential": lambda _: '    body: \'{"data": {"signature": "' + _long(20, 2) + "/=\"}}'",
    "base64-input": lambda s: f'    body: \'{{"img_url": "{s["short base64 image"].text}"}}\'',
    "base64": lambda s: f"    body: {s['base64 without its kind'].text}",
    "binary": lambda _: "    body: !!binary |\n      iVBORw0KGgo=",
    "account": lambda s: f'    body: \'{{"caller_uid": "{s["account"].text}"}}\'',
    "workspace": lambda s: f"      X-DashScope-WorkSpace: [{s['workspace'].text}]",
    "json-token": lambda s: f"    body: policy is {s['upload policy'].text}",
    "private-key": lambda s: f"    body: {s['private key'].text.splitlines()[0]}",
    "token": lambda s: f"    body: {s['token of GitHub'].text}",
    "named": lambda s: f"    body: '{s['password by name'].text}'",
    "user-in-link": lambda s: f"    uri: {s['password in a link'].text}",
    "task-id": lambda _: f"    uri: {BASE}/tasks/0fcfa6e6" + "-bec0-4938-a444-f23a47e8dd48",
    "random": lambda s: f"    body: {s['access key secret'].text}",
}  # fmt: skip
OF_A_LINE = {"binary": "Run `fakescope cassette convert`"}


@pytest.mark.parametrize("kind", IN_A_BAD_FILE)
def test_lint_finds_each_kind_in_a_file_made_by_hand(kind: str, tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("interactions:\n- request:\n" + IN_A_BAD_FILE[kind](SECRETS) + "\n")

    found = list(lint(bad))

    of_kind = [line for line in found if f": {kind}: looks like " in line]
    assert of_kind, found
    assert of_kind[0].startswith((f"{bad}:3: ", f"{bad}:4: "))
    assert OF_A_LINE.get(kind, "`fakescope cassette scrub`") in of_kind[0]
    assert not [line for line in found for secret in SECRETS.values() if secret.needle in line]


def test_every_kind_that_there_is_has_its_bad_file() -> None:
    assert set(IN_A_BAD_FILE) == set(KINDS)


@pytest.mark.parametrize("kind", [k for k in SECRETS if k != "workspace"])
def test_lint_finds_what_was_planted_in_a_plain_recording(kind: str, tmp_path: Path) -> None:
    """VCR.py writes what it is given: here with the secret in an image's place of the request."""
    bad = tmp_path / "plain.yaml"
    body = json.dumps({"model": "m", "input": {"img_url": SECRETS[kind].text}})
    bad.write_text(
        "interactions:\n- request:\n    method: POST\n    uri: https://dashscope.aliyuncs.com/api/v1/x\n"
        f"    body: {json.dumps(body)}\n  response:\n    status: {{code: 200, message: OK}}\n    body: {{string: ''}}\n"
    )

    assert list(lint(bad))


def test_lint_unpacks_what_is_compressed(tmp_path: Path) -> None:
    packed = base64.b64encode(gzip.compress(b'{"message": "' + SECRETS["api key"].text.encode() + b'"}')).decode()
    bad = tmp_path / "packed.yaml"
    bad.write_text(
        "interactions:\n- request: {method: GET, uri: 'https://dashscope.aliyuncs.com/api/v1/tasks', body: null}\n"
        f"  response:\n    status: {{code: 200}}\n    headers: {{Content-Encoding: [gzip]}}\n"
        f"    body: {{string: !!binary '{packed}'}}\n"
    )

    assert any(line.startswith(f"{bad}:2: api-key: ") for line in lint(bad))


def test_lint_looks_at_result_files_and_names_too(tmp_path: Path) -> None:
    folder = tmp_path / "x.media"
    folder.mkdir()
    (folder / "a.mp4").write_bytes(b"\0\xff" + SECRETS["api key"].text.encode())
    (tmp_path / f"{SECRETS['access key id'].text}.json").write_text("{}")

    found = list(lint(tmp_path))

    assert [line.split(": ")[1] for line in found if "api-key" in line or "access-key" in line].count("api-key") == 1
    assert any("access-key" in line and "in its name" in line for line in found)


def test_lint_finds_nothing_in_what_was_saved(tmp_path: Path) -> None:
    for n, secret in enumerate([*SECRETS.values()][::6]):
        save(Cassette(SEEN, _places(secret.text)), tmp_path / f"{n}.yaml")

    assert list(lint(tmp_path)) == []


@pytest.mark.parametrize("rule", secrets._RULES, ids=lambda rule: rule.kind)
def test_every_match_of_a_rule_has_one_of_its_words(rule: Any) -> None:
    """A text without the words is not searched at all: they must never hide anything."""

    @given(st.from_regex(rule.pattern))
    def check(text: str) -> None:
        found = rule.pattern.search(text)
        assume(found is not None)
        assert found is not None
        assert not rule.words or any(word in found[0].casefold() for word in rule.words)

    check()
