"""Looks for secrets in bytes that are to be written, or that somebody wrote. It knows nothing of the redactor."""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import NamedTuple
from urllib.parse import unquote_plus

__all__ = ["Finding", "find", "find_in_media", "find_in_name"]

_FINE = r"(?!redacted\b|\[?\*{3}|REDACTED\b|<[a-z ]+>)"
"""What may stand where a secret stood."""
_SCRUB = "Run `fakescope cassette scrub` on the file"
_ROTATE = "Revoke the key, then run `fakescope cassette scrub` on the file"


class Finding(NamedTuple):
    """What looks like a secret: its kind, the line (from 1), the same in words without the secret, what to do."""

    kind: str
    line: int
    what: str
    fix: str


def _value(names: str, value: str, joint: str = r"""\\?["']?\s*[=:]\s*(?:\\?["'])?""") -> str:
    return rf"(?<![\w-])(?:{names}){joint}{_FINE}{value}"


_RULES: tuple[tuple[str, str, str, str], ...] = (
    ("api-key", "an API key", r"(?<![A-Za-z0-9])sk-[A-Za-z0-9_-]{8,}", _ROTATE),
    ("bearer", "an Authorization value", rf"(?i:\bbearer)(?:\s|%20|\+)+{_FINE}[A-Za-z0-9._~+/=-]{{4,}}", _ROTATE),
    ("authorization", "an Authorization header", rf"""(?i)(?<![\w-])(?:proxy-)?authorization\\?["']?\s*:(?:\s*-)?\s*["']?{_FINE}[^\s"',}}\]]{{4,}}""", _ROTATE),
    ("cookie", "a cookie", rf"""(?i)(?<![\w-])(?:set-)?cookie\\?["']?\s*:(?:\s*-)?\s*["']?{_FINE}\w+=|\bacw_tc={_FINE}\w""", _SCRUB),
    ("access-key-id", "an access key id", r"(?<![A-Za-z0-9])(?:LTAI[0-9A-Za-z]{4,}|(?:AKIA|ASIA)[0-9A-Z]{12,}|STS\.[0-9A-Za-z]{8,})", _ROTATE),
    ("signed-link", "a signed link", _value(r"(?i:ossaccesskeyid|signature|x-oss-signature|x-oss-credential|x-oss-security-token|security-token|x-amz-signature|x-amz-credential|x-amz-security-token|sig|token|auth_key|access_token)", r"""[^\s&"'<>]{4,}""", r"(?:=|%3D)"), _SCRUB),
    ("upload-credential", "an upload credential", _value(r"(?i:policy|signature|oss_?access_?key_?id|x_oss_security_token)", r"""[A-Za-z0-9+/=_-]{6,}""", r"""\\?["']\s*:\s*\\?["']"""), _SCRUB),
    ("upload-form", "a field of an upload form", rf"""name=\\?"(?:policy|Signature|OSSAccessKeyId|x-oss-security-token)\\?"(?:\s|\\r|\\n|\\\s)+{_FINE}[^\s\\]""", _SCRUB),
    ("base64-input", "an input in base64", r"(?i)data:[\w.+/-]{3,80};base64,|;base64,[A-Za-z0-9+/]", _SCRUB),
    ("base64", "a long run of base64", r"[A-Za-z0-9+/]{100,}", _SCRUB),
    ("binary", "a binary body that nobody can review", r"!!binary", "Run `fakescope cassette convert` on the file"),
    ("account-id", "the id of an account", _value(r"(?i:caller_?uid|caller_?parent_?id|api_?key_?id|uid|account_?id|x-dashscope-uid|x-dashscope-apikeyid)", r"(?!fake-account-)[0-9A-Za-z_-]{4,}", r"""\\?["']?\s*[:=](?:\s*-)?\s*\\?["']?"""), _SCRUB),
    ("account-number", "a number as long as an account's", r"(?<![\w.-])1[0-9]{15}(?![\w-])", _SCRUB),
    ("workspace", "a workspace", r"(?i)x-dashscope-workspace\\?[\"']?\s*:(?:\s*-)?\s*[\"']?(?!fake-account-|redacted)[\w-]{3,}|(?<![A-Za-z0-9])(?:llm|ws)-(?=[a-z]*[0-9])[a-z0-9]{8,}|//(?!fake-account-|trial\.|token-plan\.)[\w-]+\.[a-z0-9-]+\.maas\.aliyuncs\.com", _SCRUB),
    ("jwt-or-policy", "a token or a policy in base64", r"(?<![A-Za-z0-9])eyJ[A-Za-z0-9_+/=-]{12,}", _SCRUB),
    ("private-key", "a private key", r"-----BEGIN [A-Z ]*PRIVATE KEY", _ROTATE),
    ("token", "a token of another service", r"(?<![A-Za-z0-9])(?:gh[pousr]_\w{16,}|github_pat_\w{16,}|xox[abprs]-[\w-]{8,}|AIza[\w-]{20,})", _ROTATE),
    ("named-secret", "something that is named a secret", rf"""(?i)(?<![A-Za-z])(?:api[_-]?key|access[_-]?key[_-]?secret|secret[_-]?key|client[_-]?secret|passw(?:or)?d|(?:security|access|auth|refresh|session)[_-]?token)\\?["']?\s*[:=]\s*\\?["']?(?!v1:){_FINE}[^\s"',;&\\]{{4,}}""", _SCRUB),
    ("user-in-link", "a password in a link", rf"(?i)[a-z][a-z0-9+.-]+://{_FINE}[^\s/?#@\"'<>]+@", _SCRUB),
    ("task-id", "an id of a task or a request", r"""(?i:(?:task_?id|request_?id)\\?["']?\s*[:=]\s*\\?["']?|/tasks/)(?!fa4e)(?=(?:[0-9a-f-]*[0-9a-f]){8})[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}""", _SCRUB),
)  # fmt: skip
_COMPILED = tuple((kind, what, re.compile(pattern), fix) for kind, what, pattern, fix in _RULES)
_IN_MEDIA = {"api-key", "access-key-id", "private-key", "token", "upload-form", "authorization", "bearer"}
_WORD = re.compile(r"[A-Za-z0-9_+/=-]{28,}")


def find(content: bytes) -> list[Finding]:
    """Everything in a text that looks like a secret, in the order of lines, at most once per line and kind."""
    text = content.decode("utf-8", "replace")
    found = _matches(text, _COMPILED)
    for n, line in enumerate(text.splitlines(), 1):
        if "%" in line:
            found += [f._replace(line=n) for f in _matches(unquote_plus(line), _COMPILED)]
        for word in _WORD.findall(line):
            if _is_random(word):
                what = f"a word of {len(word)} characters that looks random"
                found.append(Finding("random", n, what, _SCRUB))
    unique = {(finding.line, finding.kind): finding for finding in found}
    return [unique[key] for key in sorted(unique)]


def find_in_media(content: bytes) -> list[Finding]:
    """What looks like a secret in the bytes of a result file: only what chance does not make."""
    rules = tuple(rule for rule in _COMPILED if rule[0] in _IN_MEDIA)
    fix = "Use --media describe: the file is not written then"
    text = content.decode("latin-1")
    return [f._replace(what=f"{f.what} in a result file", fix=fix) for f in _matches(text, rules)]


def find_in_name(name: str) -> list[Finding]:
    """What looks like a secret in the name of a file."""
    return [f._replace(what=f"{f.what} in the file's name", fix="Rename the file") for f in find(name.encode())]


def _matches(text: str, rules: tuple[tuple[str, str, re.Pattern[str], str], ...]) -> list[Finding]:
    found = []
    for kind, what, pattern, fix in rules:
        for match in pattern.finditer(text):
            found.append(Finding(kind, text.count("\n", 0, match.start()) + 1, what, fix))
    return found


def _is_random(word: str) -> bool:
    """More different characters than words and numbers have, of all three kinds."""
    if not (re.search("[a-z]", word) and re.search("[A-Z]", word) and re.search("[0-9]", word)):
        return False
    entropy = -sum(n / len(word) * math.log2(n / len(word)) for n in Counter(word).values())
    return entropy > 4.1 and len(re.findall(r"[0-9](?=[A-Za-z])|[A-Za-z](?=[0-9])", word)) >= 5
