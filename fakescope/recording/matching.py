"""What a request means: the same for every client, whatever its address, headers, order of keys and habits.

Two requests mean the same if method, path and subject are the same once that is taken off which says nothing:

- address, `/api/v1`, a final slash, doubled slashes; every header but `X-DashScope-Async`;
- order of keys, a key whose value is null, empty `input` or `parameters`, `5.0` for `5`;
- what official clients add by themselves: see `_SAYS_NOTHING`;
- the query of a signed link, and the folder of an `oss://` name, which are new every time;
- of a list: `page_no=1`, `page_size=10`, and which days `start_time` and `end_time` name.

Files sent within a request (`data:`) are compared by digest where both sides have one, else by kind. Prompts are
compared character by character.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, Literal, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import orjson

from fakescope.recording.exchange import Request

__all__ = ["Kind", "Meaning", "agree", "differences", "meaning_of", "route_of"]

Kind = Literal["submit", "poll", "cancel", "ask"]
"""A task is asked for, looked at, or called off; anything else is asked: lists, credentials, files."""

_BASE = re.compile(r".*?/api/v\d+(?=/|$)")
_SLASHES = re.compile("//+")
_SIGNED = re.compile(r"(?:^|&)(?:x-oss-|x-amz-)?(?:signature|credential|security-token|ossaccesskeyid)=", re.IGNORECASE)
_FILE = re.compile(r"data:([\w.+-]+/[\w.+-]+)?([^,]*),(.*)", re.DOTALL)
_DIGEST = re.compile(r"sha256[=:-]([0-9a-f]{12,64})", re.IGNORECASE)

_DEEPEST = 100  # of a body that is looked into; no model nests more than five

_ANY = object()
_SAYS_NOTHING: Mapping[tuple[str, str], object] = {
    ("input", "extend_prompt"): True,  # the Python and the Java SDK, of every video
    ("input", "function"): "video-synthesis",  # the Python SDK, of every video; pictures have other functions
    ("parameters", "is_async"): True,  # the Python SDK's ImageGeneration
    ("parameters", "wait_timeout"): _ANY,  # the Python SDK's asyncio classes: how long they wait
    ("parameters", "with_audio"): False,  # the Java SDK, of every video
}
"""Fields that clients add unasked, with the value that they then have. No model documents them."""


class Meaning(NamedTuple):
    """A request without what differs between clients. `subject` is JSON: what is asked for, field by field.

    `key` stands for all of it but the contents of files; these are in `contents`: a SHA-256 each, or nothing where a
    recording does not have it any more.
    """

    kind: Kind
    method: str
    path: str
    task_id: str
    subject: Any
    key: bytes
    contents: tuple[str, ...] = ()


def route_of(method: str, path: str) -> tuple[Kind, str, str]:
    """What is asked of a path, the path without base and final slash, and the task's id where one is in it."""
    path = path[7:] if path.startswith("/api/v1/") else _BASE.sub("", path, count=1)
    if "//" in path:
        path = _SLASHES.sub("/", path)
    path = path.rstrip("/") or "/"
    if path.startswith("/tasks/"):
        task_id, _, rest = path[7:].partition("/")
        if not rest and method in ("GET", "HEAD"):
            return "poll", path, task_id
        if rest == "cancel" and method == "POST":
            return "cancel", path, task_id
    if path.startswith("/services/") and method == "POST":
        return "submit", path, ""
    return "ask", path, ""


def meaning_of(request: Request, *, is_task: bool = False, restored: Callable[[str], str] | None = None) -> Meaning:
    """What the request means. `is_task` says that it was answered with a task, which its headers may not show any more.

    `restored` turns a text that this replay gave to the client back into the recorded one.
    """
    method = "GET" if request.method.upper() == "HEAD" else request.method.upper()
    path, query = _split(request.url)
    kind, path, task_id = route_of(method, path)
    contents: list[str] = []
    if kind in ("poll", "cancel"):  # neither has anything else to say, though some clients say it
        subject: Any = None
    elif kind == "submit":
        subject = _submission(path, _sent(request, contents, restored))
        subject["X-DashScope-Async"] = "enable" if is_task or _is_asynchronous(request) else None
        subject = {name: value for name, value in subject.items() if value is not None}
    else:
        subject = {"query": _query(path, query), "body": _sent(request, contents, restored)}
        subject = {name: value for name, value in subject.items() if value not in (None, {})}
    key = orjson.dumps([method, path, subject], option=orjson.OPT_SORT_KEYS)
    return Meaning(kind, method, path, task_id, subject, key, tuple(contents))


def agree(one: Meaning, other: Meaning) -> bool:
    """Whether the files in two requests of the same key may be the same ones."""
    return all(
        not a or not b or a.startswith(b) or b.startswith(a) for a, b in zip(one.contents, other.contents, strict=False)
    )


def differences(recorded: Meaning, sent: Meaning) -> list[tuple[str, Any, Any]]:
    """Field by field: name, what was recorded, what was sent. None stands for nothing."""
    found: list[tuple[str, Any, Any]] = []
    if (recorded.method, recorded.path) != (sent.method, sent.path):
        found.append(("path", f"{recorded.method} {recorded.path}", f"{sent.method} {sent.path}"))
    was, now = _flat(recorded.subject), _flat(sent.subject)
    both = {name: (was.get(name), now.get(name)) for name in {**was, **now}}
    found += [(name, a, b) for name, (a, b) in both.items() if a != b or type(a) is not type(b)]
    pairs = zip(recorded.contents, sent.contents, strict=False)
    found += [(f"file {n + 1}", f"sha256 {a[:12]}", f"sha256 {b[:12]}") for n, (a, b) in enumerate(pairs) if a != b]
    return found


# -- parts of a request


def _split(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
    except ValueError:  # a host in broken brackets, in a file that somebody wrote by hand
        return url, ""
    return parts.path, parts.query


def _is_asynchronous(request: Request) -> bool:
    return any(name.lower() == "x-dashscope-async" and value.lower() == "enable" for name, value in request.headers)


def _query(path: str, query: str) -> dict[str, str]:
    if _SIGNED.search(query):
        return {}
    given = {name: value for name, value in parse_qsl(query) if value}
    if path == "/tasks":
        says_nothing = {("page_no", "1"), ("page_size", "10")}
        given = {name: value for name, value in given.items() if (name, value) not in says_nothing}
        given |= {name: "given" for name in ("start_time", "end_time") if name in given}
    return given


def _sent(request: Request, contents: list[str], restored: Callable[[str], str] | None) -> Any:
    """The body as a plain JSON value, or its digest. The parts of a form are not compared: they hold a file."""
    if not request.body:
        return None
    try:
        return _plain(orjson.loads(request.body), contents, restored)
    except (orjson.JSONDecodeError, RecursionError):
        kinds = [value for name, value in request.headers if name.lower() == "content-type"]
        is_form = kinds[:1] and kinds[0].lower().startswith("multipart/")
        return "a form" if is_form else f"sha256 {sha256(request.body).hexdigest()}"


def _plain(value: Any, contents: list[str], restored: Callable[[str], str] | None, depth: int = 0) -> Any:
    if isinstance(value, str):
        return _text(value if restored is None else restored(value), contents)
    if depth > _DEEPEST:
        raise RecursionError
    if isinstance(value, dict):
        # Sorted, so that the order of files does not hang on the order of keys.
        given = sorted(name for name in value if value[name] is not None)
        return {name: _plain(value[name], contents, restored, depth + 1) for name in given}
    if isinstance(value, list):
        return [_plain(item, contents, restored, depth + 1) for item in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value


def _text(text: str, contents: list[str]) -> str:
    if text.startswith("data:") and (file := _FILE.fullmatch(text)):
        kind, about, content = file.groups()
        contents.append(_digest(text, about, content))
        return f"data:{(kind or '').lower()}"
    if text.startswith("oss://"):
        return "oss://" + text.rpartition("/")[2]
    if text.startswith(("https://", "http://")) and not re.search(r"\s", text):
        link, _, query = text.partition("?")
        return link if _SIGNED.search(query) else text
    return text


def _digest(text: str, about: str, content: str) -> str:
    """The stated digest of a stand-in, or the one that a stand-in for this text would state."""
    if stated := _DIGEST.search(about) or _DIGEST.match(content):
        return stated[1].lower()
    return sha256(text.encode("utf-8", "replace")).hexdigest()


def _submission(path: str, body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        return {"body": body}
    whole = dict(body)
    for place in ("input", "parameters"):
        if isinstance(whole.get(place), dict):
            is_film = path.endswith("/video-synthesis")
            whole[place] = {
                name: value
                for name, value in whole[place].items()
                if not _says_nothing(place, name, value) or (name == "function" and not is_film)
            }
    given, parameters = whole.get("input"), whole.get("parameters")
    if isinstance(given, dict) and isinstance(parameters, dict):
        twice = parameters.get("negative_prompt")
        if isinstance(twice, str) and twice == given.get("negative_prompt"):
            del parameters["negative_prompt"]  # the Java SDK sends it of pictures in both places
    return {name: value for name, value in whole.items() if value != {}}


def _says_nothing(place: str, name: str, value: object) -> bool:
    usual = _SAYS_NOTHING.get((place, name))
    return usual is _ANY or (usual is not None and type(usual) is type(value) and usual == value)


def _flat(value: Any, at: str = "") -> dict[str, Any]:
    if isinstance(value, dict) and value:
        return {k: v for name in value for k, v in _flat(value[name], f"{at}.{name}" if at else name).items()}
    if isinstance(value, list) and value:
        return {k: v for n, item in enumerate(value) for k, v in _flat(item, f"{at}[{n}]").items()}
    return {} if value is None or not at else {at: value}
