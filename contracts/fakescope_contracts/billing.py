"""Whether a request can cost money, told from the request alone and before it is sent.

The answer is "free" only where no reading of the request can start anything that is billed; whatever is not known for
sure is not free. Assumed is that a refused request costs nothing (Wan keyframes-to-video guide, Billing and rate
limits: a call that fails or ends in an error is not billed and uses up no free quota). A wrong *value* is no reason to
call a request free: endpoints for videos accept any input, and a rule of the catalogue may be wrong.

What is free with a good key:
  reading       GET of a task, of the list, or of a path of the service, without a body
  tasks         any other method on a task or the list: nothing there starts one
  no model      a body that names no model in any reading, or a name that no vendor has
  no object     a body in which no JSON object ends
  no header     no X-DashScope-Async where nothing is ever answered at once
  no input      nothing but a model and parameters
and everything without a good key, because there is nobody to send a bill to.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any, Literal, NamedTuple
from urllib.parse import unquote

from fakescope.catalog import Catalog
from fakescope.catalog.spec import ModelSpec
from fakescope_contracts.pricing import most_it_costs
from fakescope_contracts.target import Request

__all__ = ["NOBODYS_WORDS", "READING", "SUBMITTED_TO", "Judge", "Judgement"]

_NOBODYS_KEY = re.compile(r"(?i:bearer) +sk-(fake|contract)[\w-]*|.{0,19}")
"""What an Authorization header says that has nobody's key: too little, or a made-up one. The vendor's are `sk-` and 32
hexadecimal digits; longer kinds begin with `sk-ws-` or `sk-sp-`, temporary ones with `st-`.
"""

NOBODYS_WORDS = ("fakescope", "no-such")
"""What is in names of models and paths that no vendor has."""

SUBMITTED_TO = "/api/v1/services/"

_TASKS = re.compile(r"/api/v1/tasks(/[A-Za-z0-9_-]{1,128}(/cancel)?)?/?")
READING = ("GET", "HEAD", "OPTIONS")
_METHODS = (*READING, "POST", "PUT", "PATCH", "DELETE")
_OURS = [f"x-dashscope-{word}" for word in ("async", "datainspection", "ossresourceresolve", "sse", "workspace")]
_HEADERS = {"accept", "accept-encoding", "accept-language", "authorization", "content-type", "user-agent", *_OURS}
_OF_THE_CONNECTION = {"connection", "content-length", "expect", "host", "keep-alive", "te", "transfer-encoding"}
_OF_THE_CONNECTION |= {"proxy-connection", "trailer", "upgrade"}
"""These could send a request elsewhere, or make two of one."""
_NO_TEXT = re.compile(rb"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]")
"""What is in a body that is packed, and in no JSON."""
_TEXTS = re.compile(r"(application/json|text/plain)( *; *charset=\"?(utf-?8|utf-?16|utf-?32|us-ascii)\"?)?", re.I)


class Judgement(NamedTuple):
    """`free`: cannot be billed. `costs`: at most `cny`. `never`: not to be sent at all. And why, in words."""

    verdict: Literal["free", "costs", "never"]
    why: str
    cny: Decimal = Decimal(0)


class Judge:
    """Knows what the catalogue says of models, paths and prices in one region."""

    def __init__(self, catalog: Catalog, region: str) -> None:
        self._catalog, self._region = catalog, region
        by_path: dict[str, list[ModelSpec]] = {}
        for spec in catalog.specs():
            by_path.setdefault(spec.path, []).append(spec)
        at_once = {spec.sync_path for spec in catalog.specs()}
        self._paths = frozenset(path for path in (*by_path, *at_once) if path)
        # Films only: the vendor's own client calls endpoints for pictures without the header, to be answered at once.
        self._never_at_once = frozenset(
            path
            for path, specs in by_path.items()
            if path not in at_once and all(spec.mode == "async" and spec.media.file == "mp4" for spec in specs)
        )

    def judge(self, request: Request, account: str | None, keys: Collection[str]) -> Judgement:
        """What this request can cost, sent with the key of the account, or as it is; `keys` are the good ones."""
        method, path, headers = request.method, request.path, [(n.lower(), v) for n, v in request.headers]
        names = [name for name, _ in headers]
        if not re.fullmatch(r"/[!-~]*", path) or path.startswith("//") or re.search(r"[#\\]", path):
            return Judgement("never", "its path could lead elsewhere")
        if method not in _METHODS:
            return Judgement("never", f"{method:.20} is not one of {', '.join(_METHODS)}")
        if strange := sorted(_OF_THE_CONNECTION.intersection(names)):
            return Judgement("never", f"its header {strange[0]} is about the connection")
        if not self.is_somebodys(request, account, keys):
            if all(_NOBODYS_KEY.fullmatch(value) for name, value in headers if name == "authorization"):
                return Judgement("free", "it has no key that is anybody's")
            return Judgement("never", "its key may be somebody's; one that begins with sk-fake is nobody's")
        if strange := sorted(set(names) - _HEADERS):
            return Judgement("never", f"what its header {strange[0]:.40} does is not known")
        if len(set(names)) < len(names):
            return Judgement("never", "it has a header twice")
        if account is not None and "authorization" in names:
            return Judgement("never", "it has a key of its own beside the account's")
        return self._of_account(method, path, dict(headers), request.body)

    @staticmethod
    def is_somebodys(request: Request, account: str | None, keys: Collection[str]) -> bool:
        """Whether a good key goes with it: the account's, or one that stands anywhere in it, in any spelling."""
        said = [request.path, unquote(request.path), *(part for header in request.headers for part in header)]
        texts = [text.lower() for text in (*said, request.body.decode("latin-1"))]
        return account is not None or any(key.lower() in text for key in keys for text in texts)

    def _of_account(self, method: str, whole_path: str, headers: Mapping[str, str], body: bytes) -> Judgement:
        path, _, query = whole_path.partition("?")
        bare = path.rstrip("/")
        named = not _names_no_model(body, headers) or "model" in unquote(query).lower()
        is_task, is_service = _TASKS.fullmatch(path) is not None, bare in self._paths
        if any(part in (".", "..") for part in unquote(unquote(path)).split("/")) and method not in READING:
            return Judgement("never", "its path could lead elsewhere")
        read = re.sub("/+", "/", path)
        if method in READING and not named and (read.startswith("/api/v1/tasks") or is_service or _is_nobodys(path)):
            return Judgement("free", "it only reads")
        if is_task and not named:
            return Judgement("free", "nothing starts on the path of a task")
        if not is_service:
            harmless = not named and (_is_nobodys(path) or re.fullmatch(r"/api/v1/tasks/[^/]*/cancel/?", path))
            return (
                Judgement("free", "it names no model, where nothing is served")
                if harmless
                else Judgement("never", f"what {method} {path:.80} does is not known")
            )
        if query:
            return Judgement("never", "what a query does there is not known")
        if reason := self._cannot_start(bare, headers, body):
            return Judgement("free", reason)
        if method != "POST":
            return Judgement("never", f"{method} with a body that names a model")
        return self._price(body)

    def _cannot_start(self, path: str, headers: Mapping[str, str], body: bytes) -> str:
        """Why no task can come of it, or ""."""
        if _names_no_model(body, headers):
            return "it names no model"
        if not _is_text(body, headers):
            return ""
        if b"}" not in body:
            return "no JSON object ends in it"
        if path in self._never_at_once and not {"x-dashscope-async", "x-dashscope-sse"} & headers.keys():
            return "it does not ask for a task, and nothing is answered at once there"
        whole = _parsed(body)
        if whole is None:
            return ""
        model = whole.get("model")
        if model is None or isinstance(model, bool | int | float):
            return "" if any("model" in key for key in whole if key != "model") else "its model is none"
        if isinstance(model, str) and (not model.strip() or _made_up(model)):
            return "no model is called so"
        if whole.keys() <= {"model", "input", "parameters"} and whole.get("input") is None:
            return "it has no input" if isinstance(model, str) and self._catalog.find(model) else ""
        return ""

    def _price(self, body: bytes) -> Judgement:
        whole = _parsed(body)
        if whole is None:
            return Judgement("never", "its body can be read in several ways")
        model = whole.get("model")
        spec = self._catalog.find(model) if isinstance(model, str) else None
        if spec is None:
            return Judgement("never", f"what {model!r:.60} costs is not known")
        cny = most_it_costs(spec, self._region, whole)
        if cny is None:
            return Judgement("never", f"what {spec.name} costs at most is not known")
        return Judgement("costs", f"{spec.name} may cost {cny} CNY", cny)


def _made_up(word: str) -> bool:
    return any(made_up in word.lower() for made_up in NOBODYS_WORDS)


def _is_nobodys(path: str) -> bool:
    """Whether nothing is served there: one of the first three words behind /api/v1 is made up."""
    words = path.lower().split("/")
    return words[1:3] == ["api", "v1"] and any(map(_made_up, words[3:6])) and "%" not in path


def _is_text(body: bytes, headers: Mapping[str, str]) -> bool:
    """Whether nobody takes it for a form, or for something packed."""
    known = "content-type" not in headers or _TEXTS.fullmatch(headers["content-type"].strip()) is not None
    return known and _NO_TEXT.search(body) is None


def _names_no_model(body: bytes, headers: Mapping[str, str]) -> bool:
    """Whether the word cannot be read in it: not escaped, not in two or four bytes a letter, not in other encodings."""
    if not body:
        return True
    plain = body.replace(b"\0", b"").lower()
    return _is_text(body, headers) and b"model" not in plain and b"\\" not in plain


def _parsed(body: bytes) -> dict[str, Any] | None:
    """The object that every reader of JSON finds in it; None if readers may differ."""
    try:
        value = json.loads(body.decode("utf-8"), object_pairs_hook=_once, parse_constant=_refused)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys no reader takes for others, or for the same."""
    found = dict(pairs)
    if len(found) < len(pairs) or any(key != key.strip().lower() for key in found):
        raise ValueError("its keys can be read in several ways")
    return found


def _refused(word: str) -> Any:
    raise ValueError(word)
