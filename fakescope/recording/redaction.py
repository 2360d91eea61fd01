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

import re
from collections.abc import Iterable
from typing import Any

from fakescope.recording.exchange import Exchange, Headers, Request, Response
from fakescope.recording.forms import rewrite_form
from fakescope.recording.json_bodies import NOT_JSON, compact, events, named_values, parse, pretty
from fakescope.recording.media import STAND_IN, media_of
from fakescope.recording.texts import ACCOUNTS, IDS, REDACTED, Texts, bare, is_link

__all__ = ["as_recorded", "redact", "redact_text"]

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
_FORM = {"key", "success_action_status", "x-oss-object-acl", "x-oss-forbid-overwrite", "x-oss-content-type"}

_SECRETS = {
    "authorization", "policy", "signature", "session", "sessionid", "ossaccesskeyid", "token", "pwd", "passwd",
    "setcookie", "credentials", "securitytoken",
}  # fmt: skip
_SECRET_ENDINGS = ("apikey", "secret", "password", "token", "accesskeyid", "accesskey", "privatekey", "credential",
                   "cookie", "signature")  # fmt: skip
_OSS_WORDS = {"private", "public-read", "public-read-write", "default", "true", "false"}
_TEXTS = {"message", "text", "prompt", "origprompt", "actualprompt", "errormessage", "reason", "content"}

_EVENT_LINE = re.compile(r"|id: ?[0-9]{1,6}|event: ?[a-z]{1,20}|: ?HTTP_STATUS/[0-9]{3}")
_WITHHELD = re.compile(r"redacted: [0-9]{1,12} bytes")
_UNIQUE_KEY = re.compile(r"apikey:v1(?::[\w.-]{1,60}){1,6}")


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
    redactor = _Redactor("")
    redactor.learn_keys(request)
    return redactor.request(request)


def redact_text(text: str) -> str:
    """One line of text (a client's name, a version) without what looks like a secret."""
    return Texts("").text(text)


class _Redactor:
    """Redacts the exchanges of one cassette, after it has learnt which ids they have."""

    def __init__(self, name: str) -> None:
        self._texts = Texts(name)

    # -- learning which ids there are

    def learn(self, exchange: Exchange) -> None:
        """Note the ids that the vendor gave or was asked for, and the accounts."""
        request, response, _ = exchange
        self._texts.note_link(request.url)
        self.learn_keys(request)
        for name, value in (*request.headers, *response.headers):
            if bare(name) in ACCOUNTS:
                self._texts.note_account(value)
        for name, value in response.headers:
            if name.lower() in _RESPONSE_HEADERS:
                self._texts.note_ids(value)
        for link in re.split(r"[\s\"']+", request.body.decode("utf-8", "replace")):
            if "dashscope-" in link:  # results of earlier tasks, and uploads
                self._texts.note_ids(link)
        self._note_names(parse(request.body))
        self._texts.note_own(request.body.decode("utf-8", "replace"))
        if media_of(response) is None:
            body = response.body.decode("utf-8", "replace")
            self._texts.note_ids(body, is_id=False)
            self._note_names(parse(response.body))
            for data in events(body):
                self._note_names(data)

    def learn_keys(self, request: Request) -> None:
        """Note what the request has for its key, so that it is found elsewhere, too."""
        for name, value in request.headers:
            if _is_secret(bare(name)):
                self._texts.note_key(value)

    def _note_names(self, value: Any) -> None:
        for name, item in named_values(value):
            if bare(name) in ACCOUNTS and isinstance(item, str | int) and not isinstance(item, bool):
                self._texts.note_account(str(item))
            if bare(name) in IDS and isinstance(item, str):
                self._texts.note_ids(item)

    # -- requests and responses

    def request(self, request: Request) -> Request:
        headers = self._headers(request.headers, _REQUEST_HEADERS)
        sent = {name.lower(): value for name, value in request.headers}.get("content-type", "")
        kind = sent.split(";")[0].strip().lower()
        if kind == "multipart/form-data" and request.body:
            form = rewrite_form(request.body, sent, self._form_field)
            if form is not None:
                headers = tuple((n, form[0] if n.lower() == "content-type" else v) for n, v in headers)
                return Request(request.method.upper(), self._texts.link(request.url), headers, form[1])
        headers = tuple((n, kind if "boundary=" in v else v) for n, v in headers)
        # Where nobody says otherwise curl calls everything a form, and the vendor does not look.
        if kind == "application/x-www-form-urlencoded" and request.body and parse(request.body) is NOT_JSON:
            body = self._texts.query(request.body.decode("utf-8", "replace")).encode()
        else:
            body = self._body(request.body, answer=False)
        return Request(request.method.upper(), self._texts.link(request.url), headers, body)

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
            if bare(name) in ACCOUNTS:
                value = self._texts.account_id(value)
            elif "boundary=" not in value and name.lower() != STAND_IN.lower():
                value = self._texts.text(value)
            kept.append((name, value))
        return tuple(kept)

    def _form_field(self, name: str, file_name: str | None, content: bytes) -> tuple[str, str]:
        """The file name and the content of a form's field as they may be written."""
        text = content.decode("utf-8", "replace")
        if file_name is not None:
            return self._texts.text(file_name), text if _WITHHELD.fullmatch(
                text
            ) else f"{REDACTED}: {len(content)} bytes"
        if name.lower() == "key":
            return "", self._texts.path(text)
        return "", self._texts.text(text) if name.lower() in _FORM else REDACTED

    def _body(self, body: bytes, *, answer: bool) -> bytes:
        if not body.strip():
            return b""
        value = parse(body)
        if value is not NOT_JSON:
            return pretty(self._value("", value, answer)).encode()
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
        kept = f"<Code>{self._texts.text(code[1])}</Code><Message>{self._texts.text(message[1])}</Message>"
        return f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{kept}</Error>\n'

    def _event_line(self, line: str) -> str:
        name, _, rest = line.partition(":")
        if name == "data":
            value = parse(rest.encode("utf-8", "replace"))
            return "data:" + (REDACTED if value is NOT_JSON else compact(self._value("", value, True)))
        return line if _EVENT_LINE.fullmatch(line) else ":"

    # -- JSON

    def _value(self, name: str, value: Any, answer: bool) -> Any:
        plain = bare(name)
        if isinstance(value, bool) or value is None:
            return value
        if _is_secret(plain):
            return REDACTED if isinstance(value, str | dict | list) else 0
        if isinstance(value, dict):
            return self._object(value, answer)
        if isinstance(value, list):
            return [self._value(name, item, answer) for item in value]
        if plain in ACCOUNTS:
            return self._texts.account_id(value) if isinstance(value, str) else 0
        if isinstance(value, str):
            return self._string(plain, value, answer)
        return 0 if isinstance(value, int) and abs(value) >= 10**14 else value

    def _object(self, value: dict[str, Any], answer: bool) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        for name, item in value.items():
            shown = self._texts.text(name)
            while shown in kept:
                shown += "_"
            kept[shown] = self._value(name, item, answer)
        return kept

    def _string(self, plain: str, value: str, answer: bool) -> str:
        if plain.startswith("xoss"):
            return value if value in _OSS_WORDS else REDACTED
        if plain == "uploaddir":
            return self._texts.path(value)
        if plain == "userapiuniquekey" and _UNIQUE_KEY.fullmatch(value):
            return value
        kept = self._texts.text(value)
        if answer and plain not in _TEXTS and len(kept) > 300 and not is_link(kept):
            return REDACTED
        return kept


def _is_secret(plain: str) -> bool:
    """Whether what has this name is a secret, whatever it looks like."""
    return plain in _SECRETS or plain.endswith(_SECRET_ENDINGS)
