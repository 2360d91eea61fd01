"""Cassettes as files: people can review them, VCR.py can play them, and whatever is broken is one clear line."""

from __future__ import annotations

import base64
import gzip
import json
import os
import re
import shutil
import sys
import tempfile
import zlib
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
import vcr  # type: ignore[import-untyped]
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from fakescope.recording.exchange import Cassette, Exchange, Headers, Provenance, Request, Response
from fakescope.recording.files import CassetteError, _yaml, load, load_folder, save
from fakescope.recording.reading import MOST_BYTES
from fakescope.recording.session import Options, Session

BASE = "https://dashscope.aliyuncs.com/api/v1"
SUBMIT = f"{BASE}/services/aigc/video-generation/video-synthesis"
TASK = "0fcfa6e6" + "-bec0-4938-a444-f23a47e8dd48"
JSON: Headers = (("Content-Type", "application/json"),)
SEEN = Provenance("seen", "2026-11-20", "dashscope/2.0.2", {"fakescope": "0.1.0", "vcrpy": "9.4.2"})


def _json(**body: Any) -> bytes:
    return json.dumps(body).encode()


def _session() -> tuple[Exchange, ...]:
    """A task from its submission to its film."""
    link = f"https://dashscope-result-bj.oss-cn-beijing.aliyuncs.com/1d/{TASK[:8]}/{TASK}-0.mp4?Expires=17&Signature=abcdef"
    prompt = "A heron 鹭 🐦 at dawn,\nin the rain"
    accepted = _json(output={"task_id": TASK, "task_status": "PENDING"}, request_id=TASK.replace("-4", "-9"))
    done = _json(request_id="r2", output={"task_id": TASK, "task_status": "SUCCEEDED", "video_url": link})
    row = _json(total=1, data=[{"task_id": TASK, "status": "SUCCEEDED", "model_name": "wan2.6-t2v"}])
    submit = Request("POST", SUBMIT, JSON, _json(model="wan2.6-t2v", input={"prompt": prompt}, parameters={"n": 1.5}))
    return (
        Exchange(submit, Response(200, JSON, accepted), 0),
        Exchange(Request("GET", f"{BASE}/tasks/{TASK}"), Response(200, JSON, done), 4_000),
        Exchange(Request("GET", f"{BASE}/tasks/?page_no=1"), Response(200, JSON, row), 5_000),
        Exchange(Request("GET", link), Response(200, (("Content-Type", "video/mp4"),), FILM), 6_000),
    )


FILM = b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 40


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    save(Cassette(SEEN, _session()), tmp_path / "heron.yaml")
    return tmp_path / "heron.yaml"


# -- what is written


def test_what_was_saved_loads_as_it_was(saved: Path) -> None:
    cassette = load(saved)

    assert cassette.provenance == SEEN
    assert cassette.name == "heron"
    assert [exchange.at_ms for exchange in cassette.exchanges] == [0, 4_000, 5_000, 6_000]
    first = cassette.exchanges[0]
    assert first.request[:3] == _session()[0].request[:3]
    assert json.loads(first.request.body) == json.loads(_session()[0].request.body)
    assert first.response.status == 200
    assert first.response.headers == JSON


def test_json_is_readable_by_people(saved: Path) -> None:
    text = saved.read_text("utf-8")

    assert '          "prompt": "A heron 鹭 🐦 at dawn,\\nin the rain"\n' in text
    assert '    body: |-\n      {\n        "model": "wan2.6-t2v",\n' in text


def test_one_id_stays_one_id_in_every_place(saved: Path) -> None:
    submit, poll, listed, film = load(saved).exchanges

    fake = json.loads(submit.response.body)["output"]["task_id"]
    assert re.fullmatch(r"fa4e[0-9a-f]{4}-[0-9a-f]{4}-4[0-9a-f]{3}-8000-00000000000[0-9]", fake)
    assert poll.request.url == f"{BASE}/tasks/{fake}"
    polled = json.loads(poll.response.body)["output"]
    assert polled["task_id"] == fake
    assert json.loads(listed.response.body)["data"][0]["task_id"] == fake
    assert f"/{fake[:8]}/{fake}-0.mp4?Expires=17&Signature=redacted" in polled["video_url"]
    assert film.request.url == polled["video_url"]
    assert TASK[:8] not in saved.read_text("utf-8")


def test_the_same_program_recorded_again_gives_the_same_ids(tmp_path: Path) -> None:
    other = "91e6a2c4" + "-7f35-4d1b-9a08-c2e4f6a81b3d"
    again = eval(repr(_session()).replace(TASK, other).replace(TASK[:8], other[:8]))

    save(Cassette(SEEN, _session()), tmp_path / "x.yaml")
    first = load(tmp_path / "x.yaml").exchanges[1].request.url
    save(Cassette(SEEN, again), tmp_path / "x.yaml")

    assert load(tmp_path / "x.yaml").exchanges[1].request.url == first


def test_ids_of_two_cassettes_differ(tmp_path: Path) -> None:
    for name in ("a", "b"):
        save(Cassette(SEEN, _session()), tmp_path / f"{name}.yaml")

    one, other = load_folder(tmp_path)
    assert one.exchanges[1].request.url != other.exchanges[1].request.url


def test_saving_again_changes_nothing(saved: Path) -> None:
    before = saved.read_bytes()

    save(load(saved), saved)

    assert saved.read_bytes() == before


def test_exchanges_added_to_a_cassette_get_new_ids(saved: Path) -> None:
    fresh = "91e6a2c4" + "-7f35-4d1b-9a08-c2e4f6a81b3d"
    later = Exchange(
        Request("GET", f"{BASE}/tasks/{fresh}"), Response(200, JSON, _json(output={"task_id": fresh})), 9_000
    )
    loaded = load(saved)

    save(loaded._replace(exchanges=(*loaded.exchanges, later)), saved)

    urls = [exchange.request.url for exchange in load(saved).exchanges]
    assert urls[:4] == [exchange.request.url for exchange in loaded.exchanges]
    assert urls[4] not in urls[:4]


def test_ids_that_a_person_typed_stay(tmp_path: Path) -> None:
    asked = Request("GET", f"{BASE}/tasks/00000000-0000-0000-0000-000000000000")
    save(Cassette(SEEN, (Exchange(asked, Response(200)),)), tmp_path / "x.yaml")

    assert load(tmp_path / "x.yaml").exchanges[0].request == asked


def test_a_failed_save_leaves_the_old_file(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = saved.read_bytes()
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))

    with pytest.raises(CassetteError, match=r"cannot be written: No space left"):
        save(Cassette(SEEN, ()), saved)

    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]


def test_what_is_no_exchange_is_not_saved(tmp_path: Path) -> None:
    for request, status in ((Request("GET", "ftp://x/"), 200), (Request("G T", BASE), 200), (Request("GET", BASE), 20)):
        with pytest.raises(CassetteError, match="exchange 1 has"):
            save(Cassette(SEEN, (Exchange(request, Response(status)),)), tmp_path / "x.yaml")


# -- VCR.py


@pytest.mark.parametrize("send", [httpx.request, requests.request], ids=["httpx", "requests"])
def test_plain_vcr_plays_the_file(saved: Path, send: Callable[..., Any]) -> None:
    poll = load(saved).exchanges[1]

    with vcr.use_cassette(str(saved), record_mode="none") as playing:
        submitted = send("POST", SUBMIT, json={"model": "wan2.6-t2v"})
        polled = send("GET", poll.request.url)

    assert submitted.status_code == 200
    assert submitted.json()["output"]["task_status"] == "PENDING"
    assert polled.json() == json.loads(poll.response.body)
    assert polled.headers["content-type"] == "application/json"
    assert len(playing) == 4


def test_vcr_passes_over_what_is_ours_and_finds_bodies_that_are_laid_out(saved: Path) -> None:
    body = json.loads(_session()[0].request.body)

    with vcr.use_cassette(str(saved), record_mode="none", match_on=("method", "uri", "body")):
        answer = httpx.post(SUBMIT, json=body)

    assert answer.json()["output"]["task_status"] == "PENDING"
    said = yaml.safe_load(saved.read_text("utf-8"))
    assert said["fakescope"] == {
        "format": 1,
        "basis": "seen",
        "recorded": "2026-11-20",
        "client": "dashscope/2.0.2",
        "versions": {"fakescope": "0.1.0", "vcrpy": "9.4.2"},
    }


def _plain(tmp_path: Path, *pairs: tuple[dict[str, Any], dict[str, Any]]) -> Path:
    """A file as VCR.py writes it."""
    path = tmp_path / "plain.yaml"
    interactions = [{"request": request, "response": response} for request, response in pairs]
    path.write_text(yaml.safe_dump({"interactions": interactions, "version": 1}))
    return path


def _asked(**differs: Any) -> dict[str, Any]:
    return {"method": "GET", "uri": f"{BASE}/tasks/1111", "body": None, "headers": {"Accept": ["*/*"]}} | differs


def _told(body: Any, **headers: list[str]) -> dict[str, Any]:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return {"status": {"code": 200, "message": "OK"}, "headers": names, "body": body}


PACKED = {
    "text": ({"string": '{"a": 1}'}, []),
    "bytes": ({"string": b'{"a": 1}'}, []),
    "gzip": ({"string": gzip.compress(b'{"a": 1}')}, ["gzip"]),
    "zlib": ({"string": zlib.compress(b'{"a": 1}')}, ["deflate"]),
    "deflate": ({"string": zlib.compress(b'{"a": 1}')[2:-4]}, ["deflate"]),
    "decoded already": ({"string": '{"a": 1}'}, ["gzip"]),
    "base64": ({"base64_string": base64.b64encode(b'{"a": 1}').decode()}, []),
    "no mapping": ('{"a": 1}', []),
    "pieces": ({"string": [b'{"a"', ": 1}"]}, []),
}


@pytest.mark.parametrize("packed", PACKED)
def test_bodies_of_plain_files_come_without_encoding(packed: str, tmp_path: Path) -> None:
    body, encoding = PACKED[packed]
    path = _plain(tmp_path, (_asked(), _told(body, Content_Encoding=encoding)))

    [exchange] = load(path).exchanges

    assert exchange.response == Response(200, (), b'{"a": 1}')


def test_a_plain_file_does_not_say_where_it_is_from(tmp_path: Path) -> None:
    assert load(_plain(tmp_path, (_asked(), _told({"string": ""})))).provenance.basis == "unknown"


def test_times_of_a_plain_file_are_those_of_the_gateway(tmp_path: Path) -> None:
    path = _plain(
        tmp_path, *((_asked(), _told(None, req_arrive_time=[str(1_709_285_917_033 + at)])) for at in (0, 2_345))
    )

    assert [exchange.at_ms for exchange in load(path).exchanges] == [0, 2_345]


def test_or_those_of_the_answers_date_or_a_second_apart(tmp_path: Path) -> None:
    dates = ("Fri, 01 Mar 2024 09:38:24 GMT", "Fri, 01 Mar 2024 09:38:31 GMT")
    dated = _plain(tmp_path, *((_asked(), _told(None, Date=[date])) for date in dates))
    assert [exchange.at_ms for exchange in load(dated).exchanges] == [0, 7_000]

    bare = _plain(tmp_path, *((_asked(), _told(None)) for _ in range(3)))
    assert [exchange.at_ms for exchange in load(bare).exchanges] == [0, 1_000, 2_000]


def test_uploads_as_older_versions_wrote_them_are_read(tmp_path: Path) -> None:
    path = tmp_path / "old.yaml"
    packed = "!!python/object/new:_io.BytesIO {state: !!python/tuple [!!binary aGVyb24=, 0, null]}"
    path.write_text(
        f"interactions:\n- request: {{method: POST, uri: 'https://x/', body: {packed}}}\n"
        "  response: {status_code: 200, content: !!python/unicode 'ok'}\n"
    )

    [exchange] = load(path).exchanges

    assert (exchange.request.body, exchange.response.body) == (b"heron", b"ok")


# -- result files


def test_a_film_is_kept_beside_the_cassette(tmp_path: Path) -> None:
    save(Cassette(SEEN, _session()), tmp_path / "x.yaml", media="keep")

    digest = sha256(FILM).hexdigest()
    assert (tmp_path / "x.media" / f"{digest}.mp4").read_bytes() == FILM
    assert load(tmp_path / "x.yaml").exchanges[3].response.body == FILM
    assert (tmp_path / "x.yaml").stat().st_size < 5_000


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names of files are text")
def test_a_film_is_kept_whatever_bytes_the_name_has(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"\xff.yaml")

    save(Cassette(SEEN, _session()), path, media="keep")

    assert load(path).exchanges[-1].response.body == FILM


def test_a_film_is_described_and_replaced_by_one_that_plays(saved: Path) -> None:
    film = load(saved).exchanges[3].response

    assert film.headers[-1] == (
        "X-Fakescope-Stand-In",
        f"video/mp4; bytes={len(FILM)}; sha256={sha256(FILM).hexdigest()}",
    )
    assert film.body[4:8] == b"ftyp"
    assert film.body != FILM
    assert list(saved.parent.iterdir()) == [saved]


def test_a_film_that_was_dropped_has_no_bytes_ever_after(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    save(Cassette(SEEN, _session()), path, media="drop")
    save(load(path), path)

    film = load(path).exchanges[3].response
    assert film.body == b""
    assert film.headers[-1][1].endswith("; dropped")


def test_films_that_are_not_kept_any_more_are_removed(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    save(Cassette(SEEN, _session()), path, media="keep")
    save(load(path), path, media="describe")

    assert list(tmp_path.iterdir()) == [path]


def test_an_unknown_policy_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CassetteError, match="media is 'all'; allowed: keep, describe, drop"):
        save(Cassette(SEEN, ()), tmp_path / "x.yaml", media="all")  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["video/mp4", "image/png", "image/jpeg", "image/gif", "image/webp", "audio/wav"])
def test_stand_ins_begin_as_their_type_does(kind: str) -> None:
    from fakescope.recording.media import stand_in

    beginning = {"video/mp4": b"ftyp", "image/png": b"\x89PNG", "image/jpeg": b"\xff\xd8\xff", "image/gif": b"GIF89a"}
    assert beginning.get(kind, b"RIFF") in stand_in(kind)[:12]


# -- files that are broken

GOOD = f"request: {{method: GET, uri: '{BASE}/tasks/1', body: null}}\n  response: {{status: {{code: 200}}}}\n"
ROW = f"- {GOOD}"
TOLD = "{status: {code: 200}, body: {string: '{\"request_id\": 1}'}}"
ANSWER = f"- {{request: {{method: GET, uri: 'https://x/'}}, response: {TOLD}}}\n"
MEDIA = f"interactions:\n{ROW}  media: {{type: video/mp4, bytes: 1, sha256: {'a' * 64}, file: "
BROKEN: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", r"not a cassette: it has no list named interactions"),
    "something else": ("- 1\n", r"not a cassette"),
    "truncated": (f"interactions:\n{ROW}- request: {{method: GET,", r":\d: not YAML: "),
    "truncated in a text": ("interactions:\n- request: 'abc", r":\d: not YAML: "),
    "truncated between two lines": (f"fakescope: {{format: 1, basis: seen}}\ninteractions:\n{ROW}", r"cut off: a cas"),
    "name of a header": (
        "interactions:\n" + ROW.replace("body:", "headers: {'a b': c}, body:"), r"request.headers: 'a b' is no name"),
    "a tag that runs code": ("interactions: !!python/object/apply:os.system ['touch RUN']", r":1: the tag 'python/obj"),
    "another tag that runs code": ("interactions: !!python/name:os.system ''", r":1: the tag 'python/name:os.system'"),
    "a tag of one's own": ("interactions:\n- !secret 1", r":2: the tag '!secret' is not read"),
    "binary that is none": ("interactions:\n- !!binary 'a'", r":2: !!binary that is not base64"),
    "newer": ("fakescope: {format: 2, basis: seen}\ninteractions: []", r":1: format 2 is newer than this .*upgrade"),
    "no format": ("fakescope: {basis: seen}\ninteractions: []", r":1: fakescope.format must be a number"),
    "no such basis": ("fakescope: {format: 1, basis: real}\ninteractions: []", r":1: fakescope.basis is 'real'; allow"),
    "before 1.0": (ROW, r"written by a VCR.py before 1.0"),
    "no request": ("interactions:\n- response: {}", r":2: interaction 1: must be a mapping with request and response"),
    "no method": ("interactions:\n" + ROW.replace("GET", "'1'"), r":2: interaction 1: request.method"),
    "no address": ("interactions:\n" + ROW.replace("https:", "file:"), r":2: interaction 1: request.uri"),
    "no port": ("interactions:\n" + ROW.replace("aliyuncs.com", "x:port"), r":2: interaction 1: request.uri"),
    "no status": ("interactions:\n" + ROW.replace("200", "1000"), r":2: interaction 1: response.status.code"),
    "no time": (f"interactions:\n- at_ms: -1\n  {GOOD}", r":2: interaction 1: at_ms must be"),
    "headers": ("interactions:\n" + ROW.replace("body:", "headers: [a], body:"), r"request.headers must be a mapping"),
    "header": ("interactions:\n" + ROW.replace("body:", "headers: {a: {b: c}}, body:"), r"request.headers: 'a' must"),
    "header that splits": (
        "interactions:\n" + ROW.replace("body:", 'headers: {a: "b\\r\\nc: d"}, body:'), r"request.headers: 'a' must"),
    "body": ("interactions:\n" + ROW.replace("null", "[[1]]"), r"request.body must be text"),
    "compression": (
        "interactions:\n" + ROW.replace("{code: 200}", "{code: 200}, headers: {content-encoding: [br]}, body: x"),
        r":2: interaction 1: content-encoding 'br' is not read"),
    "broken compression": (
        "interactions:\n" + ROW.replace("{code: 200}", "{code: 200}, headers: {content-encoding: [gzip]}, body: x"),
        r":2: interaction 1: its body is not gzip"),
    "duplicates": (f"interactions:\n{ANSWER}{ROW}{ANSWER}", r":5: interaction 3 is the same as interaction 1; remove"),
    "two keys": ("interactions: []\ninteractions: []", r":2: the key 'interactions' stands twice"),
    "a list as a key": ("? [1]\n: 2", r":1: a key that is not text"),
    "two documents": ("interactions: []\n---\ninteractions: []", r":2: a second document begins"),
    "deep": ("interactions: " + "[" * 60 + "]" * 60, r":1: nested more than 40 deep"),
    "very deep": ("[" * 100_000, r"nested more than 40 deep"),
    "laughs": (
        "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)),
        r":7: more than 5,000,000 values, aliases counted"),
    "an alias of itself": ("interactions: &a [*a]", r":1: \*a refers to nothing that is complete"),
    "media without a hash": (f"interactions:\n{ROW}  media: {{type: a/b}}", r":2: interaction 1: media must have"),
    "media elsewhere": (f"{MEDIA}../../etc/passwd}}", r":2: interaction 1: media.file must be x.media/a{64}.mp4"),
    "media that is gone": (f"{MEDIA}x.media/{'a' * 64}.mp4}}", r"x.media/a{64}.mp4: no such file"),
    "not UTF-8": (b"interactions:\n- \xff\xfe", r":2: not UTF-8"),
    "zeros": (b"\0" * 100, r"not YAML"),
}  # fmt: skip


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_file_is_one_clear_line(broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    content, line = BROKEN[broken]
    path = tmp_path / "x.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())

    with pytest.raises(CassetteError, match=line) as refused:
        load(path)

    assert str(refused.value).startswith(str(tmp_path))
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 400
    assert list(tmp_path.iterdir()) == [path]  # nothing was run


def test_a_file_of_100_MB_is_not_read(tmp_path: Path) -> None:  # noqa: N802 - a unit
    path = tmp_path / "x.yaml"
    with path.open("wb") as file:
        file.truncate(100_000_000)

    with pytest.raises(CassetteError, match=r"x.yaml: 100 MB; at most 50 MB are read"):
        load(path)


def test_a_body_that_unpacks_to_more_than_that_is_not_unpacked(tmp_path: Path) -> None:
    bomb = gzip.compress(b"\0" * 51_000_000)
    path = _plain(tmp_path, (_asked(), _told({"string": bomb}, Content_Encoding=["gzip"])))

    with pytest.raises(CassetteError, match=r":2: interaction 1: its body unpacks to more than 50 MB"):
        load(path)


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")

    for name, why in (("gone.yaml", "no such file"), ("pipe.yaml", "not a file"), (".", "not a file")):
        with pytest.raises(CassetteError, match=why):
            load(tmp_path / name)


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    folder = tmp_path / "cassettes"
    folder.mkdir()
    save(Cassette(SEEN, _session()), tmp_path / "outside.yaml")
    (folder / "x.yaml").symlink_to(tmp_path / "outside.yaml")

    for read in (lambda: load(folder / "x.yaml"), lambda: load_folder(folder)):
        with pytest.raises(CassetteError, match=r"x.yaml: a link that leads out of"):
            read()


def test_neither_is_one_for_a_film(tmp_path: Path) -> None:
    folder = tmp_path / "cassettes"
    save(Cassette(SEEN, _session()), folder / "x.yaml", media="keep")
    (folder / "x.media").rename(tmp_path / "elsewhere")
    (folder / "x.media").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(CassetteError, match=r"interaction 4: media.file leads out of the folder"):
        load(folder / "x.yaml")


def test_a_film_that_was_changed_is_noticed(tmp_path: Path) -> None:
    save(Cassette(SEEN, _session()), tmp_path / "x.yaml", media="keep")
    [film] = (tmp_path / "x.media").iterdir()
    film.write_bytes(b"another")

    with pytest.raises(CassetteError, match=r"is not the file that was recorded"):
        load(tmp_path / "x.yaml")


def test_links_in_a_circle_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").symlink_to(tmp_path / "b.yaml")
    (tmp_path / "b.yaml").symlink_to(tmp_path / "a.yaml")

    for read in (lambda: load(tmp_path / "a.yaml"), lambda: load_folder(tmp_path)):
        with pytest.raises(CassetteError, match=r"a\.yaml: a link that leads out"):
            read()


def test_a_folder_is_read_in_the_order_of_paths(tmp_path: Path) -> None:
    for name in ("b/two.yml", "a.yaml", "b/one.yaml"):
        save(Cassette(SEEN, ()), tmp_path / name)
    (tmp_path / "notes.txt").write_text("not a cassette")

    assert [cassette.name for cassette in load_folder(tmp_path)] == ["a", "b/one", "b/two"]
    with pytest.raises(CassetteError, match="no such folder"):
        load_folder(tmp_path / "gone")


def test_without_pyyaml_there_is_one_line(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "yaml", None)

    with pytest.raises(CassetteError, match=r"cassettes need PyYAML and VCR.py: pip install 'fakescope\[cassettes\]'"):
        load(saved)


# -- whatever comes

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
HARMLESS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="-=:/"), max_size=40).filter(
    lambda text: not re.search(r"\d{9}", text)  # longer numbers may be somebody's
)
NAMES = st.text('xyz_äß鹭 "\\\n\x85', max_size=6)  # none of them spells a secret's name
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**13), 10**13)
    | st.floats(allow_nan=False, allow_infinity=False)
    | HARMLESS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
BODIES = st.dictionaries(st.sampled_from(["model", "input", "output", "x"]), VALUES, min_size=1).map(
    lambda value: json.dumps(value).encode()
)
REQUESTS = st.builds(
    Request,
    st.sampled_from(["GET", "POST"]),
    st.sampled_from(
        [SUBMIT, f"{BASE}/tasks/1", f"{BASE}/tasks?page_no=2&status=FAILED", "http://127.0.0.1:8900/api/v1/"]
    ),
    st.sampled_from([JSON, (), (("X-DashScope-Async", "enable"), *JSON)]),
    BODIES | st.just(b""),
)
RESPONSES = st.builds(Response, st.integers(100, 599), st.sampled_from([JSON, ()]), BODIES | st.just(b""))
EXCHANGES = st.builds(Exchange, REQUESTS, RESPONSES, st.integers(0, 10**9))


def _harmless(exchange: Exchange) -> Exchange:
    """As it is kept: bodies as values, which is what counts of JSON."""
    request, response, at_ms = exchange
    return Exchange(
        request._replace(body=json.loads(request.body) if request.body else b""),
        response._replace(body=json.loads(response.body) if response.body else b""),
        at_ms,
    )


@given(exchanges=st.lists(EXCHANGES, max_size=2))
def test_everything_harmless_comes_back(exchanges: list[Exchange], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"

    save(Cassette(SEEN, tuple(exchanges)), path)

    ordered = sorted(exchanges, key=lambda exchange: exchange.at_ms)
    assert [_harmless(exchange) for exchange in load(path).exchanges] == [_harmless(exchange) for exchange in ordered]


ANYTHING = st.builds(
    Exchange,
    st.builds(
        Request,
        st.just("POST"),
        st.sampled_from([SUBMIT, f"{BASE}/tasks/1"]) | TEXTS.map(lambda text: f"https://x/{text}"),
        st.lists(st.tuples(st.sampled_from(["Content-Type", "Accept", "Cookie"]), TEXTS), max_size=2).map(tuple),
        st.binary(max_size=60) | BODIES,
    ),
    st.builds(
        Response,
        st.integers(0, 700),
        st.lists(st.tuples(st.sampled_from(["Content-Type", "Date", "x-request-id"]), TEXTS), max_size=2).map(tuple),
        st.binary(max_size=60) | BODIES,
    ),
    st.integers(-5, 10**13),
)


@given(exchange=ANYTHING)
def test_whatever_is_saved_can_be_loaded(exchange: Exchange, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    try:
        save(Cassette(SEEN, (exchange,)), path, media="keep")
    except CassetteError:
        return

    loaded = load(path)
    before = path.read_bytes()
    save(loaded, path, media="keep")
    assert path.read_bytes() == before


@given(content=st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "replace")))
def test_any_bytes_are_a_cassette_or_one_line(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    _load_or_refuse(content, tmp_path_factory)


WORDS = ["interactions", "request", "response", "method", "GET", "uri", BASE, "status", "code", "200", "body", "string",
         "headers", "- ", ": ", "\n", "  ", "{", "}", "[", "]", "!!binary", "&a", "*a", "fakescope", "format", "1",
         "at_ms", "media", "|", "'", '"', "---", "#", "!!python/tuple", "\t"]  # fmt: skip


@given(words=st.lists(st.sampled_from(WORDS), max_size=40))
def test_so_are_pieces_of_cassettes(words: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    _load_or_refuse("".join(words).encode(), tmp_path_factory)


@given(at=st.integers(0, 4_000), byte=st.integers(0, 255), cut=st.booleans())
def test_so_is_a_cassette_with_one_byte_changed(
    at: int, byte: int, cut: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "whole.yaml"
    if not path.exists():
        save(Cassette(SEEN, _session()), path)
    whole = path.read_bytes()
    at %= len(whole)
    _load_or_refuse(whole[:at] + (b"" if cut else bytes([byte]) + whole[at + 1 :]), tmp_path_factory)


def _load_or_refuse(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(content)
    said = ""
    try:
        loaded: Cassette | None = load(path)
    except CassetteError as error:
        loaded, said = None, str(error)
    assert isinstance(loaded, Cassette) or (said.startswith(str(path)) and "\n" not in said)


def test_the_limits_are_what_the_messages_say() -> None:
    assert MOST_BYTES == 50_000_000


def test_a_session_whose_folder_has_gone_says_so_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    place = tmp_path / "cassettes"
    session = Session(place / "x.yaml", Options(record_mode="once"))
    session.take(Request("GET", f"{BASE}/tasks/1"), Response(200))
    shutil.rmtree(place)
    place.touch()

    with pytest.raises(CassetteError, match=r"saved elsewhere, as .*/x\.yaml: .*cannot be written: File exists"):
        session.close()


@given(
    st.lists(st.text(st.sampled_from("{}[]\n a#:-é\x85\u2028\ufeff\U0001f426\t\"'"), max_size=12), max_size=4).map(
        lambda lines: "{" + "\n".join(lines) + "}"
    )
)
@example('{\n  "a": 1\n}')
@example("[\n  1\n]")
def test_a_body_is_written_as_yamls_own_writer_would(text: str) -> None:
    """Ours takes a short way with indented bodies."""

    class Plain(yaml.SafeDumper):
        def ignore_aliases(self, _data: Any) -> bool:
            return True

    def shown(dumper: Any, value: str) -> Any:
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)

    Plain.add_representer(str, shown)
    document = {"interactions": [{"string": text}]}
    expected = yaml.dump(document, Dumper=Plain, sort_keys=False, allow_unicode=True, width=1_000_000)

    assert _yaml(document).decode() == expected


def test_newer_format_is_named_even_if_nothing_else_is_known_of_it(tmp_path: Path) -> None:
    (tmp_path / "new.yaml").write_text("fakescope:\n  format: 99\ntapes: []\n")

    with pytest.raises(CassetteError, match="format 99 is newer than this fakescope"):
        load(tmp_path / "new.yaml")
