"""One table of calls, made by both clients: the same bytes leave, and both return the same."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fakescope_client import InvalidParameterError

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
FRAME = "https://example.com/frame.png"
MESSAGE = {"messages": [{"role": "user", "content": [{"text": "a cat"}]}]}
CREDENTIAL = (
    '{"request_id":"r","data":{"policy":"cG9s","signature":"c2ln","upload_dir":"dashscope-instant/x",'
    '"upload_host":"http://files.test/","oss_access_key_id":"LTAI","x_oss_object_acl":"private",'
    '"x_oss_forbid_overwrite":"true","expire_in_seconds":300}}'
)

CALLS: dict[str, tuple[str, tuple[Any, ...], dict[str, Any]]] = {
    "submit": ("submit", ("wan2.6-t2v", {"prompt": "a cat 猫"}, {"size": "1280*720"}), {}),
    "submit elsewhere": ("submit", ("wan2.6-t2v", {"prompt": "a"}), {"path": "aigc/video-generation/video-synthesis"}),
    "submit bytes": ("submit", ("wan2.6-i2v", {"img_url": PNG, "prompt": "it moves"}), {}),
    "submit an upload": ("submit", ("wan2.2-s2v", {"image_url": PNG, "audio_url": "oss://x/a.wav"}), {}),
    "run": ("run", ("wan2.6-t2v", {"prompt": "a cat"}), {"timeout": 500}),
    "run out of time": ("run", ("wan2.6-t2v", {"prompt": "[fakescope:stuck]"}), {"timeout": 50}),
    "run and fail": ("run", ("wan2.6-t2v", {"prompt": "[fakescope:fail=InternalError]"}), {}),
    "run an unknown model": ("run", ("wan9", {"prompt": "a cat"}), {}),
    "run under trouble": ("run", ("wan2.6-t2v", {"prompt": "a cat"}), {}),
    "submit, answer lost": ("submit", ("wan2.6-t2v", {"prompt": "a cat"}), {}),
    "submit, nothing arrived": ("submit", ("wan2.6-t2v", {"prompt": "a cat"}), {"on_ambiguous": "resubmit"}),
    "text_to_video": ("text_to_video", ("a cat",), {"size": "1280*720", "negative_prompt": "dogs", "seed": 1}),
    "image_to_video": ("image_to_video", (FRAME, "it moves"), {"resolution": "720P", "wait": False}),
    "image_to_video, media": ("image_to_video", (FRAME,), {"model": "wan2.7-i2v", "wait": False}),
    "keyframes_to_video": ("keyframes_to_video", (FRAME, PNG, "it moves"), {"wait": False}),
    "text_to_image": ("text_to_image", ("a cat",), {"n": 2}),
    "text_to_image, message": ("text_to_image", ("a cat",), {"model": "wan2.6-t2i", "wait": False}),
    "edit_image": ("edit_image", ([FRAME, PNG], "join them"), {"wait": False}),
    "edit_image, message": ("edit_image", (FRAME, "red"), {"model": "wan2.7-image", "wait": False}),
    "edit_image, function": (
        "edit_image",
        (FRAME, "red"),
        {"model": "wanx2.1-imageedit", "function": "description_edit", "wait": False},
    ),
    "detect": ("detect", ("emo-detect-v1", {"image_url": FRAME}, {"ratio": "1:1"}), {}),
    "run at once": ("run", ("emo-detect-v1", {"image_url": FRAME}, {"ratio": "1:1"}), {}),
    "text_to_image at once": ("text_to_image", ("a cat",), {"model": "qwen-image-2.0"}),
    "edit_image at once": ("edit_image", (FRAME, "red"), {"model": "qwen-image-edit"}),
    "detect, message": ("detect", ("qwen-image-max", MESSAGE), {}),
    "fetch": ("fetch", ("no-such-task",), {}),
    "wait": ("wait", ("no-such-task",), {}),
    "resume": ("resume", ("no-such-task",), {"timeout": 5}),
    "cancel": ("cancel", ("no-such-task",), {}),
    "list": ("list", (), {"model": "wan2.6-t2v", "status": "RUNNING"}),
    "wait_many": ("wait_many", (["no-such-task", "nor-this"],), {}),
    "upload": ("upload", (PNG, "wan2.6-i2v"), {}),
}
TROUBLE = {
    "run under trouble": {"submit": ["429 of the vendor", "connection refused"], "poll": ["502", "cut off", "slow"]},
    "submit, answer lost": {"submit": ["dropped after it arrived"], "list": ["broken JSON"]},
    "submit, nothing arrived": {"submit": ["dropped before it arrived"]},
}


@pytest.fixture
def prepared(make_world: Callable[..., Any], faults: dict[str, Any]) -> Callable[[str], Any]:
    """A fresh world, always the same, with what goes wrong for this call, and somebody who takes uploads."""

    def prepare(name: str) -> Any:
        world = make_world()
        for phase, names in TROUBLE.get(name, {}).items():
            world.wire.faults[phase] = [faults[fault] for fault in names]
        world.wire.faults["policy"] = [world.status(200, CREDENTIAL)] * 9
        world.wire.faults["form"] = [world.status(200)] * 9
        return world

    return prepare


def ended(call: Callable[[], Any]) -> Any:
    try:
        result = call()
    except Exception as error:
        return type(error), str(error), {k: v for k, v in vars(error).items() if k != "__notes__"}
    return result


async def in_both(world: Any, verb: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    method = getattr(world.async_client(), verb)
    if verb in ("list", "wait_many"):
        return [task async for task in method(*args, **kwargs)]
    return await method(*args, **kwargs)


@pytest.mark.parametrize("name", CALLS)
def test_both_clients_send_the_same_bytes_and_return_the_same(prepared: Callable[[str], Any], name: str) -> None:
    verb, args, kwargs = CALLS[name]
    one, other = prepared(name), prepared(name)

    def call() -> Any:
        result = getattr(one.client(), verb)(*args, **kwargs)
        return list(result) if verb in ("list", "wait_many") else result

    result = ended(call)
    twin = ended(lambda: asyncio.run(in_both(other, verb, args, kwargs)))

    assert one.wire.exchanges
    assert without_boundaries(one) == without_boundaries(other)
    assert result == twin


def without_boundaries(world: Any) -> list[Any]:
    """The exchanges, with the random boundaries of multipart bodies replaced."""
    seen = []
    for exchange in world.wire.exchanges:
        kind = dict(exchange.headers).get("content-type", "")
        boundary = kind.partition("boundary=")[2]
        body = exchange.body.replace(boundary.encode(), b"*") if boundary else exchange.body
        headers = [(name, value.replace(boundary, "*") if boundary else value) for name, value in exchange.headers]
        seen.append(exchange._replace(headers=headers, body=body))
    return seen


def test_every_verb_is_in_the_table(world: Any) -> None:
    verbs = {name for name in dir(world.client()) if not name.startswith("_")} - {"close"}

    assert verbs == {name for name in dir(world.async_client()) if not name.startswith("_")} - {"aclose"}
    assert verbs - {"download"} == {verb for verb, _, _ in CALLS.values()}


def test_both_clients_download_the_same(prepared: Callable[[str], Any], tmp_path: Path) -> None:
    one, other = prepared(""), prepared("")
    film = one.client().text_to_video("a cat")
    one.wire.exchanges.clear()

    (whole,) = one.client().download(film, tmp_path / "one.mp4")
    (twin,) = asyncio.run(other.async_client().download(film, tmp_path / "other.mp4"))

    assert whole.read_bytes() == twin.read_bytes() != b""
    bare = [exchange._replace(at=0.0) for exchange in one.wire.exchanges]
    assert bare == [exchange._replace(at=0.0) for exchange in other.wire.exchanges]


def submitted(world: Any) -> Any:
    return next(exchange for exchange in world.wire.exchanges if exchange.phase == "submit")


def test_submission_is_what_the_vendor_documents(prepared: Callable[[str], Any]) -> None:
    world = prepared("")
    world.client(workspace="ws-1").submit("wan2.6-t2v", {"prompt": "a cat 猫"}, {"size": "1280*720"})

    exchange = submitted(world)
    assert exchange.target == "/api/v1/services/aigc/video-generation/video-synthesis"
    assert exchange.body.decode() == (
        '{"model":"wan2.6-t2v","input":{"prompt":"a cat 猫"},"parameters":{"size":"1280*720"}}'
    )
    headers = dict(exchange.headers)
    assert headers["x-dashscope-async"] == "enable"
    assert headers["content-type"] == "application/json"
    assert headers["x-dashscope-workspace"] == "ws-1"
    assert "x-dashscope-ossresourceresolve" not in headers


@pytest.mark.parametrize(
    ("value", "header"), [("oss://x/a.png", "enable"), ("see oss://x", None), ('say "oss://x"', None)]
)
def test_header_for_uploads_is_sent_with_uploads_only(
    prepared: Callable[[str], Any], value: str, header: str | None
) -> None:
    world = prepared("")
    world.client().submit("wan2.6-i2v", {"img_url": value, "prompt": "a cat"})

    assert dict(submitted(world).headers).get("x-dashscope-ossresourceresolve") == header


def test_number_that_is_none_never_leaves(world: Any) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        world.client().submit("wan2.6-t2v", {"prompt": "a"}, {"seed": float("nan")})

    assert world.wire.exchanges == []


def test_model_that_answers_at_once_is_not_submitted(world: Any) -> None:
    with pytest.raises(ValueError, match=r"use run, or detect\(\)"):
        world.client().submit("emo-detect-v1", {"image_url": FRAME})


def test_picture_too_many_is_not_left_out_in_silence(world: Any) -> None:
    two = ["https://example.com/1.png", "https://example.com/2.png"]
    with pytest.raises(InvalidParameterError):
        world.client().edit_image(two, "p", model="wanx2.1-imageedit", function="description_edit", wait=False)


def test_shortcut_passes_unknown_keywords_as_parameters(world: Any) -> None:
    world.client().text_to_video("a cat", wait=False, shot_type="multi", seed=None)

    assert b'"parameters":{"shot_type":"multi"}' in submitted(world).body
