"""Files on their way in and out: uploads as the vendor wants them, downloads that are whole or not there."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from zlib import crc32

import httpx
import pytest

from fakescope.catalog import Catalog
from fakescope_client import Client, DashScopeError, InvalidParameterError, Task, TransportError
from fakescope_client.files import INLINE_BYTES, media_type
from fakescope_client.routes import at_once_path, takes_inline, task_path

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
CREDENTIAL = {
    "policy": "cG9saWN5",
    "signature": "c2lnbmF0dXJl",
    "upload_dir": "dashscope-instant/f/2026-02-09/u",
    "upload_host": "http://files.test",
    "oss_access_key_id": "LTAI5t",
    "x_oss_object_acl": "private",
    "x_oss_forbid_overwrite": "true",
    "expire_in_seconds": 300,
    "max_file_size_mb": 1024,
}
EXPIRED = "<Error><Code>AccessDenied</Code><Message>Invalid according to Policy: Policy expired.</Message></Error>"
NOT_ALLOWED = "<Error><Code>EntityTooLarge</Code><Message>Your proposed upload exceeds the limit.</Message></Error>"


@pytest.fixture
def uploads(world: Any) -> Any:
    """A world whose account gets credentials, and whose storage takes what comes."""
    credential = world.status(200, json.dumps({"request_id": "r", "data": CREDENTIAL}))
    world.wire.faults |= {"policy": [credential] * 99, "form": [world.status(200)] * 99}
    return world


def form_of(exchange: Any) -> list[tuple[str, bytes]]:
    """Names and contents of the parts of a multipart body, in order."""
    boundary = dict(exchange.headers)["content-type"].partition("boundary=")[2].encode()
    parts = exchange.body.split(b"--" + boundary)[1:-1]
    found = []
    for part in parts:
        head, _, content = part.strip(b"\r\n").partition(b"\r\n\r\n")
        name = re.search(rb'name="([^"]*)"', head)
        assert name is not None
        found.append((name[1].decode(), content))
    return found


# -- uploads


def test_upload_sends_the_form_that_the_vendor_documents(uploads: Any, tmp_path: Path) -> None:
    file = tmp_path / "a cat 猫.png"
    file.write_bytes(PNG)

    address = uploads.client().upload(file, "wan2.6-i2v")

    asked, sent = uploads.wire.exchanges
    assert address == "oss://dashscope-instant/f/2026-02-09/u/a cat 猫.png"
    assert asked.target == "/api/v1/uploads?action=getPolicy&model=wan2.6-i2v"
    assert [(name, content.decode("latin-1")) for name, content in form_of(sent)[:3]] == [
        ("OSSAccessKeyId", "LTAI5t"),
        ("Signature", "c2lnbmF0dXJl"),
        ("policy", "cG9saWN5"),
    ]
    assert [name for name, _ in form_of(sent)[3:]] == [
        "x-oss-object-acl",
        "x-oss-forbid-overwrite",
        "key",
        "success_action_status",
        "x-oss-content-type",
        "file",
    ]
    assert form_of(sent)[-1] == ("file", PNG)
    assert dict(form_of(sent))["key"] == b"dashscope-instant/f/2026-02-09/u/" + "a cat 猫.png".encode()


def test_key_goes_to_the_vendor_and_nowhere_else(uploads: Any, tmp_path: Path) -> None:
    client = uploads.client()
    client.upload(PNG, "wan2.6-i2v")
    uploads.wire.faults.clear()
    client.download(client.text_to_video("a cat"), tmp_path / "film.mp4")

    with_key = {exchange.phase for exchange in uploads.wire.exchanges if "authorization" in dict(exchange.headers)}
    assert with_key == {"policy", "submit", "poll"}


def test_bytes_are_named_by_what_they_are(uploads: Any) -> None:
    assert uploads.client().upload(PNG, "m").endswith(f"/{crc32(PNG):08x}.png")


@pytest.mark.parametrize(
    ("status", "body"), [(403, EXPIRED), (409, ""), (500, ""), (503, "")], ids=["expired", "taken", "500", "503"]
)
def test_upload_tries_again_with_a_new_credential(uploads: Any, status: int, body: str) -> None:
    uploads.wire.faults["form"] = [uploads.status(status, body), uploads.status(200)]

    uploads.client().upload(PNG, "wan2.6-i2v")

    assert [exchange.phase for exchange in uploads.wire.exchanges] == ["policy", "form"] * 2


@pytest.mark.parametrize("phase", ["policy", "form"])
def test_upload_under_fault(uploads: Any, faults: dict[str, Any], phase: str) -> None:
    good = uploads.wire.faults[phase][0]

    for name, fault in faults.items():

        def meets(wire: Any, request: Any, answered: Any, fault: Any = fault) -> Any:
            return fault(wire, request, partial(good, wire, request, answered))

        uploads.wire.faults[phase].insert(0, meets)
        assert uploads.client().upload(PNG, "wan2.6-i2v").startswith("oss://"), name


def test_upload_that_is_refused_is_not_repeated(uploads: Any) -> None:
    uploads.wire.faults["form"] = [uploads.status(400, NOT_ALLOWED)]

    with pytest.raises(InvalidParameterError, match="proposed upload exceeds") as caught:
        uploads.client().upload(PNG, "wan2.6-i2v")

    assert caught.value.code == "EntityTooLarge"


def test_upload_that_is_led_elsewhere_is_not_done(uploads: Any) -> None:
    led = [lambda *_: httpx.Response(302, headers={"location": "http://portal.test/"})] * 99
    uploads.wire.faults |= {"form": led, "download": [uploads.status(200, "Please log in")] * 99}

    with pytest.raises(TransportError):
        uploads.client().upload(PNG, "wan2.6-i2v")


def test_upload_is_given_up_when_patience_ends(uploads: Any, faults: dict[str, Any]) -> None:
    uploads.wire.faults["policy"] = [faults["502"]] * 999

    with pytest.raises(TransportError):
        uploads.client().upload(PNG, "wan2.6-i2v")

    assert 200 < uploads.time.seconds <= 300


def test_credential_that_lacks_something_is_said_to(uploads: Any) -> None:
    uploads.wire.faults["policy"] = [uploads.status(200, '{"data":{"policy":"x"}}')] * 99

    with pytest.raises(TransportError, match="lacks oss_access_key_id, signature"):
        uploads.client().upload(PNG, "wan2.6-i2v")


def test_failed_upload_submits_nothing(uploads: Any) -> None:
    uploads.wire.faults["form"] = [uploads.status(400, NOT_ALLOWED)]

    with pytest.raises(InvalidParameterError):
        uploads.client().submit("wan2.2-s2v", {"image_url": PNG, "audio_url": "https://example.com/a.wav"})

    assert uploads.wire.count("submit") == 0


# -- what goes inside a request


def body_of(world: Any) -> Any:
    return json.loads(next(exchange.body for exchange in world.wire.exchanges if exchange.phase == "submit"))


def test_small_picture_goes_as_data(world: Any, tmp_path: Path) -> None:
    (tmp_path / "frame.png").write_bytes(PNG)
    world.client().image_to_video(str(tmp_path / "frame.png"), "it moves", model="wan2.6-i2v", wait=False)

    assert body_of(world)["input"]["img_url"] == f"data:image/png;base64,{base64.b64encode(PNG).decode()}"


@pytest.mark.parametrize(
    ("model", "content"),
    [("wan3.0-video", PNG), ("wan2.6-i2v", PNG + bytes(INLINE_BYTES)), ("wan2.6-i2v", b"RIFF....WAVE")],
    ids=["model", "size", "kind"],
)
def test_other_files_are_uploaded(uploads: Any, model: str, content: bytes) -> None:
    uploads.client().submit(model, {"media": [{"type": "first_frame", "url": content}]})

    assert body_of(uploads)["input"]["media"][0]["url"].startswith("oss://dashscope-instant/")
    exchange = uploads.wire.exchanges[-1]
    assert dict(exchange.headers)["x-dashscope-ossresourceresolve"] == "enable"


def test_text_in_input_is_never_taken_for_a_path(world: Any, tmp_path: Path) -> None:
    (tmp_path / "cat").write_text("secret")
    world.client().submit("wan2.6-t2v", {"prompt": str(tmp_path / "cat")})

    assert body_of(world)["input"]["prompt"] == str(tmp_path / "cat")


def test_file_that_is_missing_sends_nothing(world: Any) -> None:
    with pytest.raises(FileNotFoundError, match="is no file; give a path"):
        world.client().image_to_video("no-such.png")
    with pytest.raises(FileNotFoundError):
        world.client().submit("wan2.6-i2v", {"img_url": Path("no-such.png")})

    assert world.wire.exchanges == []


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"BM....", "image/bmp"),
        (b"\x00\x00\x00\x18ftypisom", "video/mp4"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "audio/wav"),
        (b"ID3\x03", "audio/mpeg"),
        (b"?", "application/octet-stream"),
    ],
)
def test_kind_of_a_file_is_in_its_first_bytes(head: bytes, kind: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(head)

    assert media_type(head) == media_type(tmp_path / "file") == kind


def test_name_tells_the_kind_if_the_bytes_do_not(tmp_path: Path) -> None:
    (tmp_path / "speech.mp3").write_bytes(b"?")

    assert media_type(tmp_path / "speech.mp3") == "audio/mpeg"


# -- routes, against the catalogue


def test_every_model_is_sent_where_the_catalogue_has_it(catalog: Catalog) -> None:
    services = "/api/v1/services/"
    for spec in catalog.specs():
        for_tasks = "" if spec.mode == "sync" else spec.path
        at_once = spec.path if spec.mode == "sync" else spec.sync_path
        assert task_path(spec.name) == for_tasks.removeprefix(services), spec.name
        assert not at_once or at_once_path(spec.name) == at_once.removeprefix(services), spec.name


def test_no_model_gets_data_that_takes_addresses_only(catalog: Catalog) -> None:
    for spec in catalog.specs():
        rules: list[Any] = [field.rule for field in spec.fields]
        schemes = [rule.schemes for rule in rules if getattr(rule, "schemes", ())]
        assert not takes_inline(spec.name) or not schemes or any("data" in each for each in schemes), spec.name


# -- downloads


@pytest.fixture
def film(world: Any) -> Task:
    task: Task = world.client().run("wan2.6-t2v", {"prompt": "a cat"})
    return task


def whole(world: Any, task: Task) -> bytes:
    response: httpx.Response = world.wire.deliver(httpx.Request("GET", task.results[0]), b"")
    return response.content


def cut_after(size: int) -> Any:
    """The connection breaks after so many bytes."""

    class Cut(httpx.SyncByteStream):
        def __init__(self, content: bytes, request: httpx.Request) -> None:
            self.content, self.request = content, request

        def __iter__(self) -> Any:
            yield self.content[:size]
            raise httpx.ReadError("reset", request=self.request)

    def fault(_wire: Any, request: httpx.Request, answered: Callable[[], httpx.Response]) -> httpx.Response:
        response = answered()
        return httpx.Response(response.status_code, headers=response.headers, stream=Cut(response.content, request))

    return fault


def test_download_goes_on_where_it_was_cut_off(world: Any, film: Task, tmp_path: Path) -> None:
    world.wire.faults["download"] = [cut_after(100), cut_after(50), None]

    (path,) = world.client().download(film, tmp_path / "film.mp4")

    ranges = [dict(e.headers).get("range") for e in world.wire.exchanges if e.phase == "download"]
    assert ranges == [None, "bytes=100-", "bytes=150-"]
    assert path.read_bytes() == whole(world, film)


def test_download_goes_on_in_the_next_program(world: Any, film: Task, tmp_path: Path, faults: dict[str, Any]) -> None:
    world.wire.faults["download"] = [cut_after(100), *[faults["connection refused"]] * 99]
    with pytest.raises(TransportError):
        world.client().download(film, tmp_path / "film.mp4")
    assert not (tmp_path / "film.mp4").exists()
    world.wire.faults.clear()
    world.wire.exchanges.clear()

    world.client().download(film, tmp_path / "film.mp4")

    assert [dict(exchange.headers).get("range") for exchange in world.wire.exchanges] == ["bytes=100-"]
    assert (tmp_path / "film.mp4").read_bytes() == whole(world, film)
    assert os.listdir(tmp_path) == ["film.mp4"]


def test_part_of_another_link_is_not_gone_on_with(world: Any, film: Task, tmp_path: Path) -> None:
    world.wire.faults["download"] = [cut_after(100), lambda *_: httpx.Response(403)]
    with pytest.raises(InvalidParameterError):
        world.client().download(film, tmp_path / "film.mp4")
    other = world.client().run("wan2.6-t2v", {"prompt": "a dog"})
    world.wire.exchanges.clear()

    world.client().download(other, tmp_path / "film.mp4")

    assert "range" not in dict(world.wire.exchanges[0].headers)


def test_part_that_is_whole_already_is_kept(world: Any, film: Task, tmp_path: Path) -> None:
    content = whole(world, film)
    world.wire.faults["download"] = [cut_after(len(content)), None]

    (path,) = world.client().download(film, tmp_path / "film.mp4")

    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(206, content=b"wrong", headers={"content-range": "bytes 7-11/5000"}),
        httpx.Response(206, content=b"wrong"),
        httpx.Response(416, headers={"content-range": "bytes */7"}),
    ],
    ids=["another stretch", "no stretch", "shorter now"],
)
def test_part_that_does_not_fit_is_thrown_away(world: Any, film: Task, tmp_path: Path, answer: httpx.Response) -> None:
    world.wire.faults["download"] = [cut_after(100), lambda *_: answer, None]

    (path,) = world.client().download(film, tmp_path / "film.mp4")

    assert path.read_bytes() == whole(world, film)


def test_server_that_knows_no_ranges_starts_over(world: Any, film: Task, tmp_path: Path) -> None:
    content = whole(world, film)
    world.wire.faults["download"] = [cut_after(100), lambda *_: httpx.Response(200, content=content)]

    (path,) = world.client().download(film, tmp_path / "film.mp4")

    assert path.read_bytes() == content


def test_expired_link_is_not_tried_again(world: Any, film: Task, tmp_path: Path) -> None:
    world.time.seconds += 25 * 3600

    with pytest.raises(InvalidParameterError, match=r"a download: Request has expired\.") as caught:
        world.client().download(film, tmp_path / "film.mp4")

    assert (caught.value.code, caught.value.http_status) == ("AccessDenied", 403)
    assert world.wire.count("download") == 1
    assert list(tmp_path.iterdir()) == []


def test_target_is_what_it_was_until_the_download_is_whole(
    world: Any, film: Task, tmp_path: Path, faults: dict[str, Any]
) -> None:
    (tmp_path / "film.mp4").write_text("yesterday's")
    world.wire.faults["download"] = [cut_after(100), *[faults["502"]] * 99]

    with pytest.raises(TransportError):
        world.client().download(film, tmp_path / "film.mp4")

    assert (tmp_path / "film.mp4").read_text() == "yesterday's"


def test_progress_is_told_in_bytes(world: Any, film: Task, tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    world.client().download(film, tmp_path / "film.mp4", on_progress=lambda done, total: told.append((done, total)))

    size = len(whole(world, film))
    assert told[-1] == (size, size)


def test_error_of_the_callback_leaves_the_part_closed(world: Any, film: Task, tmp_path: Path) -> None:
    def fail(_done: int, _total: int | None) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        world.client().download(film, tmp_path / "film.mp4", on_progress=fail)

    (part,) = tmp_path.iterdir()
    assert part.read_bytes() == whole(world, film)


def test_several_results_are_numbered(world: Any, tmp_path: Path) -> None:
    pictures = world.client().text_to_image("a cat", n=2)
    (tmp_path / "cat.png").write_text("mine")

    paths = world.client().download(pictures, tmp_path / "cat.png")

    assert paths == [tmp_path / "cat-1.png", tmp_path / "cat-2.png"]
    assert (tmp_path / "cat.png").read_text() == "mine"


def test_several_results_go_into_a_folder(world: Any, tmp_path: Path) -> None:
    pictures = world.client().text_to_image("a cat", n=3)

    paths = world.client().download(pictures, f"{tmp_path}/cats/")

    assert [path.name for path in paths] == [f"{pictures.id}-{n}.png" for n in (1, 2, 3)]
    assert all(path.parent == tmp_path / "cats" for path in paths)


def test_link_alone_keeps_its_name_in_a_folder(world: Any, film: Task, tmp_path: Path) -> None:
    (path,) = world.client().download(film.results[0], tmp_path)

    assert path == tmp_path / Path(film.results[0].partition("?")[0]).name


def test_name_in_a_link_cannot_lead_out_of_the_folder(world: Any, tmp_path: Path) -> None:
    world.wire.faults["download"] = [lambda *_: httpx.Response(200, content=b"x")]
    (path,) = world.client().download("http://files.test/a/..%2F..%2Fetc%2Fpasswd", tmp_path)

    assert path == tmp_path / "passwd"


def test_id_of_a_task_cannot_lead_out_of_the_folder(world: Any, film: Task, tmp_path: Path) -> None:
    (tmp_path / "films").mkdir()

    (path,) = world.client().download(replace(film, id="../../film"), tmp_path / "films")

    assert path == tmp_path / "films" / "film.mp4"


def test_task_without_results_has_nothing_to_download(world: Any, tmp_path: Path) -> None:
    task = world.client().submit("wan2.6-t2v", {"prompt": "a cat"})

    with pytest.raises(ValueError, match="no results to download"):
        world.client().download(task, tmp_path)


def test_packed_body_is_unpacked(world: Any, tmp_path: Path) -> None:
    import gzip

    packed = httpx.Response(200, content=gzip.compress(b"film" * 100), headers={"content-encoding": "gzip"})
    world.wire.faults["download"] = [lambda *_: packed]

    (path,) = world.client().download("http://files.test/film.mp4", tmp_path)

    assert path.read_bytes() == b"film" * 100


@pytest.mark.parametrize(
    "link", ["ftp://files.test/film.mp4", "https:///film.mp4", "http://h:port/film.mp4", "film.mp4"]
)
def test_address_that_is_none_is_not_tried_again(world: Any, tmp_path: Path, link: str) -> None:
    client = Client("sk-fake", base_url="http://127.0.0.1:9/api/v1", sleep=world.time.sleep, clock=world.time.monotonic)

    with client, pytest.raises(TransportError) as caught:
        client.download(link, tmp_path / "film.mp4")

    assert (caught.value.retryable, world.time.seconds) == (False, 0)
    assert list(tmp_path.iterdir()) == []


def test_text_that_is_no_path_is_said_to_be_none_in_short(world: Any) -> None:
    with pytest.raises(FileNotFoundError, match="is no file; give a path") as caught:
        world.client().image_to_video("iVBORw0KGgo" * 10_000, "it moves")

    assert len(str(caught.value)) < 200


def test_address_of_a_download_must_be_one(world: Any, tmp_path: Path) -> None:
    with pytest.raises((ValueError, DashScopeError)):
        world.client(patience=0).download("ftp://files.test/film.mp4", tmp_path)
