"""What of an exchange may reach a file: lists of what is allowed, and fakes for everything else.

- Headers, query parameters and form fields are kept if they are listed here and their value has the form stated here.
- Of JSON, what has the name of a secret is replaced; texts are kept, because prompts are what a replay finds its
  recording by, but keys, links with signatures, inputs in base64 and whatever looks like a token in them are replaced.
  Fields of answers that nobody knows are kept if they are numbers or short and harmless texts.
- Bodies that are neither JSON, nor a form, nor the storage's XML, nor events are withheld.
- Ids that the vendor gave are replaced by fakes, the same id by the same fake in all of a cassette. Fakes are numbered
  in the order of their first appearance, so that two recordings of one program differ in little.

Whatever was redacted stays as it is when it is redacted again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b, sha256
from itertools import pairwise
from typing import Any
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit, urlunsplit

from fakescope.recording.exchange import Exchange, Headers, Request, Response
from fakescope.recording.forms import rewrite_form
from fakescope.recording.media import STAND_IN, media_of

__all__ = ["REDACTED", "as_recorded", "redact", "redact_text"]

REDACTED = "redacted"
"""What stands where a secret stood."""

_CLIENT = r"[A-Za-z][\w.-]{1,40}/[0-9][\w.]{0,20}"
_REQUEST_HEADERS = {
    "accept": r"[\w*/+.;=, -]{1,200}",
    "content-type": r"[\w/+.-]{1,80}(?:; ?charset=[\w-]{1,20})?|multipart/form-data; boundary=.*",
    "range": r"bytes=[\d,-]{1,60}",
    "user-agent": _CLIENT + r"\b.*",
    "x-dashscope-async": r"[A-Za-z]{1,10}",
    "x-dashscope-datainspection": r"[a-z]{1,10}|\{[\w\":, ]{1,80}\}",
    "x-dashscope-ossresourceresolve": r"[A-Za-z]{1,10}",
    "x-dashscope-sdk-client": r"[\w./-]{1,60}",
    "x-dashscope-sse": r"[A-Za-z]{1,10}",
    "x-dashscope-workspace": r".*",
}
_RESPONSE_HEADERS = {
    "accept-ranges": r"[a-z]{1,10}",
    "content-range": r"bytes [\d*/-]{1,60}",
    "content-type": r"[\w/+.-]{1,80}(?:; ?charset=[\w-]{1,20})?",
    "date": r"[\w,: +-]{1,40}",
    "req-arrive-time": r"\d{1,14}",
    "req-cost-time": r"\d{1,14}",
    "resp-start-time": r"\d{1,14}",
    "retry-after": r"[\w,: +-]{1,40}",
    "retry-after-ms": r"\d{1,14}",
    "server": r"[A-Za-z-]{1,30}(?:/[\d.]{1,20})?",
    "x-dashscope-finished": r"true|false",
    "x-dashscope-timeout": r"\d{1,6}",
    "x-envoy-upstream-service-time": r"\d{1,14}",
    "x-fakescope-basis": r"[a-z]{1,20}",
    "x-fakescope-error": r"\w{1,60}",
    "x-fakescope-rule": r"[\w.:\[\]-]{1,120}",
    STAND_IN.lower(): r"[a-z]{1,20}/[a-z0-9.+-]{1,60}; bytes=\d{1,15}; sha256=[0-9a-f]{64}(?:; dropped)?",
    "x-fakescope-version": r"[\w.+-]{1,40}",
    "x-request-id": r"[0-9a-fA-F-]{36}",
}
_QUERY = {
    "action", "end_time", "expires", "format", "h", "height", "model", "model_name", "page", "page_no", "page_size",
    "q", "quality", "region", "start_time", "status", "task_id", "v", "version", "w", "width", "x-oss-process",
}  # fmt: skip
_HARMLESS_QUERY = re.compile(r"[\w.,:/-]{0,64}", re.ASCII)
_FORM = {"key", "success_action_status", "x-oss-object-acl", "x-oss-forbid-overwrite", "x-oss-content-type"}

_IDS = {"taskid", "requestid"}
_ACCOUNTS = {
    "uid", "userid", "calleruid", "callerparentid", "accountid", "mainaccountid", "apikeyid", "workspace",
    "workspaceid", "tenantid", "appid", "xdashscopeuid", "xdashscopeapikeyid", "xdashscopeworkspace",
}  # fmt: skip
_SECRETS = {
    "authorization", "policy", "signature", "session", "sessionid", "ossaccesskeyid", "token", "pwd", "passwd",
    "setcookie", "credentials", "securitytoken",
}  # fmt: skip
_SECRET_ENDINGS = ("apikey", "secret", "password", "token", "accesskeyid", "accesskey", "privatekey", "credential",
                   "cookie", "signature")  # fmt: skip
_OSS_WORDS = {"private", "public-read", "public-read-write", "default", "true", "false"}
_TEXTS = {"message", "text", "prompt", "origprompt", "actualprompt", "errormessage", "reason", "content"}

_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_FAKE = re.compile(r"fa4e([0-9a-f]{4})-([0-9a-f]{4})-[0-9a-f]([0-9a-f]{3})-8000-([0-9]{12})")
_HEX = re.compile(r"(?<![0-9a-zA-Z])[0-9a-f]{32}(?![0-9a-zA-Z])")
_FAKE_HEX = re.compile(r"fa4e0{20}[0-9]{8}")
_DATA = re.compile(r"data:[\w.+-]{1,40}/[\w.+-]{1,60}[^,\s\"'<>]{0,200},[^\s\"'<>]*", re.IGNORECASE)
_STAND_IN = re.compile(r"data:[\w.+-]+/[\w.+-]+;fakescope,sha256=[0-9a-f]{32};bytes=[0-9]{1,12}")
_LINK = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]{1,20}://(?:(?![\"'<>\\^`{|}])[!-~])+")
_EVENT_LINE = re.compile(r"|id: ?[0-9]{1,6}|event: ?[a-z]{1,20}|: ?HTTP_STATUS/[0-9]{3}")
_WITHHELD = re.compile(r"redacted: [0-9]{1,12} bytes")
_WORKSPACE_HOST = re.compile(r"([^.]+)((?:\.[a-z0-9-]+)+\.maas\.aliyuncs\.com)", re.IGNORECASE)
_UNIQUE_KEY = re.compile(r"apikey:v1(?::[\w.-]{1,60}){1,6}")
_TOKENS = re.compile(
    r"""
    -----BEGIN[ ][\s\S]*?(?:-----END[^-]*-----|\Z)              # private keys
  | (?i:\bbearer)\s+[^\s"',;]+
  | (?<![A-Za-z0-9])(?:sk|pk|rk)-[A-Za-z0-9_-]{8,}
  | (?<![A-Za-z0-9])(?:LTAI[0-9A-Za-z]{4,}|STS\.[0-9A-Za-z]{8,}|A(?:KIA|SIA)[0-9A-Z]{12,}|AIza[\w-]{20,}
      |gh[pousr]_\w{16,}|github_pat_\w{16,}|xox[abprs]-[\w-]{8,}|eyJ[\w+/=.-]{12,})
  | (?<![A-Za-z0-9])(?:llm|ws)-(?=[a-z0-9]*[0-9])[a-z0-9]{8,}   # workspaces
  | (?<![A-Za-z0-9])acw_tc=[^\s;"']+
  | (?<![0-9A-Za-z])[0-9]{15,}(?![0-9A-Za-z])                  # accounts
  | [A-Za-z0-9+/]{65,}={0,2}                                   # base64
    """,
    re.VERBOSE,
)
_NAMED = re.compile(
    r"""(?ix) (?<![A-Za-z]) ( api[_-]?key | access[_-]?key(?:[_-]?(?:id|secret))? | ossaccesskeyid | client[_-]?secret
      | (?:security|access|auth|refresh|session)[_-]?token | passw(?:or)?d | authorization | set-cookie
      | (?:token|secret|signature|policy|cookie|credential)(?==) )
      ( \\?["']? \s* [=:] \s* \\?["']? ) (?!v1:|redacted\b) [^\s"'&,;\\]+"""
)
_OPAQUE = re.compile(r"[A-Za-z0-9_+/=-]{20,}")


def redact(exchanges: Iterable[Exchange], name: str) -> tuple[Exchange, ...]:
    """The exchanges as they may be written. `name` is the cassette's: fakes of other cassettes are others.

    Bodies that are JSON come back indented. Bodies of result files are left alone: they are not written there.
    """
    exchanges = tuple(exchanges)
    redactor = _Redactor(name)
    for exchange in exchanges:
        redactor.learn(exchange)
    return tuple(
        Exchange(redactor.request(exchange.request), redactor.response(exchange.response), exchange.at_ms)
        for exchange in exchanges
    )


def as_recorded(request: Request) -> Request:
    """A request of today as it would stand in a cassette: what a recording is compared with. Ids stay as they are."""
    return _Redactor("").request(request)


def redact_text(text: str) -> str:
    """One line of text (a client's name, a version) without what looks like a secret."""
    return _Redactor("").text(text)


class _Redactor:
    """Knows the ids of one cassette and their fakes."""

    def __init__(self, name: str) -> None:
        self._mark = blake2b(name.encode("utf-8", "replace"), digest_size=6).hexdigest()[:11]
        self._ids: dict[str, str] = {}
        self._beginnings: dict[str, str] = {}  # of ids: folders of result links are named so
        self._accounts: dict[str, str] = {}
        self._taken = {"id": 0, "hex": 0, "account": 0}
        self._account: re.Pattern[str] | None = None

    # -- learning which ids there are

    def learn(self, exchange: Exchange) -> None:
        """Note the ids that the vendor gave or was asked for, and the accounts."""
        request, response, _ = exchange
        for at in re.findall(r"/tasks/([^/?#]+)", request.url):
            self._note_ids(unquote(at))
        for name, value in (*request.headers, *response.headers):
            if _plain(name) in _ACCOUNTS:
                self._note_account(value)
        for name, value in response.headers:
            if name.lower() in _RESPONSE_HEADERS:
                self._note_ids(value)
        host = _WORKSPACE_HOST.fullmatch(_split(request.url).hostname or "")
        if host and host[1] not in ("trial", "token-plan"):
            self._note_account(host[1])
        for name, value in _pairs(_split(request.url).query):
            if _plain(name) in _ACCOUNTS:
                self._note_account(value)
            if _plain(name) in _IDS:
                self._note_ids(value)
        for link in re.findall(r"[^\s\"']*dashscope-[^\s\"']*", request.body.decode("utf-8", "replace")):
            self._note_ids(link)  # results of earlier tasks, and uploads
        self._note_names(_json(request.body))
        if media_of(response) is None:
            body = response.body.decode("utf-8", "replace")
            self._note_ids(body)
            self._note_names(_json(response.body))
            for data in _events(body):
                self._note_names(data)

    def _note_ids(self, text: str) -> None:
        for found in _UUID.findall(text):
            fake = _FAKE.fullmatch(found)
            if fake:
                if "".join(fake.groups()[:3]) == self._mark:
                    self._taken["id"] = max(self._taken["id"], int(fake[4]))
            elif len(set(found.lower())) > 5 and found.lower() not in self._ids:  # not 0000…, which a person chose
                self._ids[found.lower()] = ""
                self._beginnings[found[:8].lower()] = found.lower()
        for found in re.findall(r"dashscope-instant/([0-9a-f]{32})", text):
            if _FAKE_HEX.fullmatch(found):
                self._taken["hex"] = max(self._taken["hex"], int(found[-8:]))
            else:
                self._ids.setdefault(found, "")

    def _note_names(self, value: Any) -> None:
        for name, item in _named_values(value):
            if _plain(name) in _ACCOUNTS and isinstance(item, str | int) and not isinstance(item, bool):
                self._note_account(str(item))
            if _plain(name) in _IDS and isinstance(item, str):
                self._note_ids(item)

    def _note_account(self, value: str) -> None:
        fake = re.fullmatch(r"fake-account-([0-9]{1,6})", value)
        if fake:
            self._taken["account"] = max(self._taken["account"], int(fake[1]))
        elif value:
            self._accounts.setdefault(value, "")

    # -- fakes

    def _id(self, found: str) -> str:
        known = found.lower()
        if self._ids.get(known) == "":
            kind = "hex" if len(known) == 32 else "id"
            self._taken[kind] += 1
            n, mark = self._taken[kind], self._mark
            made = f"fa4e{mark[:4]}-{mark[4:8]}-{known[14:15]}{mark[8:]}-8000-{n:012d}"
            self._ids[known] = made if kind == "id" else f"fa4e{n:028d}"
        return self._ids.get(known, found)

    def _account_id(self, value: str) -> str:
        if re.fullmatch(r"fake-account-[0-9]{1,6}", value) or not value:
            return value
        if not self._accounts.get(value):
            self._taken["account"] += 1
            self._accounts[value] = f"fake-account-{self._taken['account']}"
        return self._accounts[value]

    # -- requests and responses

    def request(self, request: Request) -> Request:
        headers = self._headers(request.headers, _REQUEST_HEADERS)
        sent = {name.lower(): value for name, value in request.headers}.get("content-type", "")
        kind = sent.split(";")[0].strip().lower()
        if kind == "multipart/form-data" and request.body:
            form = rewrite_form(request.body, sent, self._form_field)
            if form is not None:
                headers = tuple((n, form[0] if n.lower() == "content-type" else v) for n, v in headers)
                return Request(request.method.upper(), self.link(request.url), headers, form[1])
        headers = tuple((n, kind if "boundary=" in v else v) for n, v in headers)
        if kind == "application/x-www-form-urlencoded" and request.body:
            body = self._query(request.body.decode("utf-8", "replace")).encode()
        else:
            body = self._body(request.body, answer=False)
        return Request(request.method.upper(), self.link(request.url), headers, body)

    def response(self, response: Response) -> Response:
        headers = self._headers(response.headers, _RESPONSE_HEADERS)
        if media_of(response) is not None:
            return Response(response.status, headers, response.body)
        return Response(response.status, headers, self._body(response.body, answer=True))

    def _headers(self, headers: Headers, allowed: dict[str, str]) -> Headers:
        kept = []
        for name, value in headers:
            form = allowed.get(name.lower())
            if form is None or not re.fullmatch(form, value, re.ASCII):
                continue
            if name.lower() == "user-agent":
                value = re.match(_CLIENT, value)[0]  # type: ignore[index]
            if _plain(name) in _ACCOUNTS:
                value = self._account_id(value)
            elif "boundary=" not in value and name.lower() != STAND_IN.lower():
                value = self.text(value)
            kept.append((name, value))
        return tuple(kept)

    def _form_field(self, name: str, file_name: str | None, content: bytes) -> tuple[str, str]:
        """The file name and the content of a form's field as they may be written."""
        text = content.decode("utf-8", "replace")
        if file_name is not None:
            return self.text(file_name), text if _WITHHELD.fullmatch(text) else f"{REDACTED}: {len(content)} bytes"
        if name.lower() == "key":
            return "", self._path(text)
        return "", self.text(text) if name.lower() in _FORM else REDACTED

    def _body(self, body: bytes, *, answer: bool) -> bytes:
        if not body.strip():
            return b""
        value = _json(body)
        if value is not _NOT_JSON:
            return _pretty(self._value("", value, answer)).encode()
        text = body.decode("utf-8", "replace")
        if answer and text.lstrip().startswith("<"):
            return self._xml(text, body).encode()
        if answer and re.match(r"(?:id|event|data|:)[^\n]*\n", text):
            return "\n".join(self._event_line(line) for line in text.splitlines()).encode() + b"\n\n"
        return body if _WITHHELD.fullmatch(text) else f"{REDACTED}: {len(body)} bytes".encode()

    def _xml(self, text: str, body: bytes) -> str:
        """An error of the storage, of which code and message are kept; anything else that has tags is withheld."""
        code, message = (re.search(rf"<{tag}>([^<]*)</{tag}>", text) for tag in ("Code", "Message"))
        if not re.match(r"(?:<\?xml[^>]*>)?\s*<Error>", text.lstrip()) or code is None or message is None:
            return f"{REDACTED}: {len(body)} bytes"
        kept = f"<Code>{self.text(code[1])}</Code><Message>{self.text(message[1])}</Message>"
        return f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{kept}</Error>\n'

    def _event_line(self, line: str) -> str:
        name, _, rest = line.partition(":")
        if name == "data":
            value = _json(rest.encode("utf-8", "replace"))
            return "data:" + (REDACTED if value is _NOT_JSON else _compact(self._value("", value, True)))
        return line if _EVENT_LINE.fullmatch(line) else ":"

    # -- JSON

    def _value(self, name: str, value: Any, answer: bool) -> Any:
        plain = _plain(name)
        if isinstance(value, bool) or value is None:
            return value
        if plain in _SECRETS or plain.endswith(_SECRET_ENDINGS):
            return REDACTED if isinstance(value, str | dict | list) else 0
        if isinstance(value, dict):
            return self._object(value, answer)
        if isinstance(value, list):
            return [self._value(name, item, answer) for item in value]
        if plain in _ACCOUNTS:
            return self._account_id(value) if isinstance(value, str) else 0
        if isinstance(value, str):
            return self._string(plain, value, answer)
        return 0 if isinstance(value, int) and abs(value) >= 10**14 else value

    def _object(self, value: dict[str, Any], answer: bool) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        for name, item in value.items():
            shown = self.text(name)
            while shown in kept:
                shown += "_"
            kept[shown] = self._value(name, item, answer)
        return kept

    def _string(self, plain: str, value: str, answer: bool) -> str:
        if plain.startswith("xoss"):
            return value if value in _OSS_WORDS else REDACTED
        if plain == "uploaddir":
            return self._path(value)
        if plain == "userapiuniquekey" and _UNIQUE_KEY.fullmatch(value):
            return value
        kept = self.text(value)
        if answer and plain not in _TEXTS and len(kept) > 300 and not _LINK.fullmatch(kept):
            return REDACTED
        return kept

    # -- texts and links

    def text(self, text: str) -> str:
        """A text without secrets: links and data: addresses in it have their own rules."""
        if text[:5].lower() == "data:":
            return _data(text)
        if re.match(r"[a-zA-Z][a-zA-Z0-9+.-]{1,20}://", text) and not re.search(r"\s", text):
            return self.link(text)
        parts, at = [], 0
        for found in re.finditer(f"{_DATA.pattern}|{_LINK.pattern}", text, re.IGNORECASE):
            parts.append(self._words(text[at : found.start()]))
            parts.append(_data(found[0]) if found[0][:5].lower() == "data:" else self.link(found[0]))
            at = found.end()
        parts.append(self._words(text[at:]))
        return "".join(parts)

    def link(self, link: str) -> str:
        """An address without user, signature, fragment and unknown parameters; ids in it are fakes."""
        parts = _split(link)
        if not parts.scheme:
            return REDACTED
        host = self._host(parts.netloc.rpartition("@")[2])
        return urlunsplit((parts.scheme, host, self._path(parts.path), self._query(parts.query), ""))

    def _host(self, host: str) -> str:
        found = _WORKSPACE_HOST.fullmatch(host)
        if found and found[1] not in ("trial", "token-plan"):
            return self._account_id(found[1]) + found[2]
        return self._words(host)

    def _path(self, path: str) -> str:
        if re.search(r"://|;base64,", unquote(path)):  # an address within an address
            return f"/{REDACTED}"
        return "/".join(self._segment(part) for part in path.split("/"))

    def _segment(self, segment: str) -> str:
        plain = unquote(segment)
        kept = self._words(plain)
        if plain in self._beginnings:
            kept = self._id(self._beginnings[plain])[:8]
        if kept == plain:
            return segment
        return quote(kept, safe="-._~!$&'()*+,;=:@")

    def _query(self, query: str) -> str:
        kept = []
        for name, value in _pairs(query):
            shown = name if re.fullmatch(r"[\w.\[\]-]{1,32}", name, re.ASCII) and self.text(name) == name else REDACTED
            if _plain(name) in _ACCOUNTS:
                value = self._account_id(value)
            elif name.lower() not in _QUERY or not _HARMLESS_QUERY.fullmatch(value):
                value = REDACTED
            else:
                value = self.text(value)
            kept.append(f"{quote(shown, safe='-._~[]')}={quote(value, safe='-._~:,/')}")
        return "&".join(kept)

    def _words(self, text: str) -> str:
        if len(text) < 20 and text.isalpha():  # most names and values: nothing below is one short word
            return text
        text = _TOKENS.sub(REDACTED, text)
        text = _NAMED.sub(rf"\1\2{REDACTED}", text)
        if self._accounts:
            if self._account is None:
                self._account = _any_of(self._accounts)
            text = self._account.sub(lambda found: self._account_id(found[0]), text)
        text = _UUID.sub(lambda found: self._id(found[0]), text)
        text = _HEX.sub(lambda found: self._id(found[0]), text)
        return _OPAQUE.sub(lambda found: _opaque(found[0]) if _looks_random(found[0]) else found[0], text)


_NOT_JSON = object()


def _json(body: bytes) -> Any:
    """An object or a list, strictly; `_NOT_JSON` for anything else, and for what cannot be written again as it is."""
    if body.lstrip()[:1] not in (b"{", b"["):
        return _NOT_JSON
    try:
        value = json.loads(body.decode(), parse_constant=_refuse, parse_float=_finite, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        return _NOT_JSON
    return value if _depth_is_fine(value) else _NOT_JSON


def _refuse(word: str) -> Any:
    raise ValueError(word)


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(text)
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a name stands twice")
    return value


def _depth_is_fine(value: Any) -> bool:
    level = [value]
    for _ in range(100):
        level = [
            inner
            for item in level
            for inner in (item.values() if isinstance(item, dict) else item)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return True
    return False


def _named_values(value: Any, name: str = "") -> Iterable[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _named_values(item, key)
    elif isinstance(value, list):
        for item in value:
            yield from _named_values(item, name)
    elif value is not _NOT_JSON:
        yield name, value


def _events(text: str) -> Iterable[Any]:
    for line in text.splitlines() if "data:" in text else ():
        if line.startswith("data:"):
            yield _json(line[5:].encode("utf-8", "replace"))


_ESCAPED = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")


def _pretty(value: Any) -> str:
    """Indented, with other scripts as they are: people review it. What YAML could not show stays escaped."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _compact(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


@lru_cache(maxsize=4096)
def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _split(link: str) -> SplitResult:
    try:
        parts = urlsplit(link)
        _ = parts.port
    except ValueError:
        return urlsplit("")
    return parts


def _pairs(query: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query, keep_blank_values=True, max_num_fields=1000)
    except ValueError:
        return [(REDACTED, "")]


def _data(text: str) -> str:
    if _STAND_IN.fullmatch(text):
        return text
    kind = re.match(r"data:([\w.+-]{1,40}/[\w.+-]{1,40})", text, re.IGNORECASE | re.ASCII)
    digest = sha256(text.encode("utf-8", "replace")).hexdigest()[:32]
    return f"data:{kind[1].lower() if kind else 'text/plain'};fakescope,sha256={digest};bytes={len(text)}"


def _any_of(words: Iterable[str]) -> re.Pattern[str]:
    longest = sorted((word for word in words if len(word) > 4 and re.search("[0-9]", word)), key=len, reverse=True)
    return re.compile("|".join(rf"(?<![A-Za-z0-9]){re.escape(word)}(?![A-Za-z0-9])" for word in longest) or r"(?!)")


def _looks_random(token: str) -> bool:
    """Upper case, lower case and digits in quick change: no word, no name of a file, no hexadecimal number."""
    kinds = ["d" if c.isdigit() else "u" if c.isupper() else "l" for c in token if c.isalnum()]
    changes = sum(a != b for a, b in pairwise(kinds))
    return len(set(kinds)) == 3 and changes > len(token) / 4


def _opaque(token: str) -> str:
    # Eight digits tell inputs apart and give nothing away of a token as long as these.
    return f"{REDACTED}-{sha256(token.encode()).hexdigest()[:8]}"
