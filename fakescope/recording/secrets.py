"""Looks for secrets in bytes that are to be written, or that somebody wrote. It knows nothing of the redactor.

The rules read plain text, so they work on cassettes, HAR files, JSON in YAML and forms alike. Quotation marks may be
escaped, as JSON within JSON has them, and a name and its value may stand on two lines, as headers in a cassette do.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable
from typing import NamedTuple
from urllib.parse import unquote_plus

__all__ = ["KINDS", "Finding", "find", "find_in_media", "find_in_name"]

_SCRUB = "Run `fakescope cassette scrub` on the file"
_REVOKE = "Revoke it, then run `fakescope cassette scrub` on the file"
_CONVERT = "Run `fakescope cassette convert` on the file"


class Finding(NamedTuple):
    """What looks like a secret: its kind, the line (from 1), what it is without saying it, and what to do."""

    kind: str
    line: int
    what: str
    fix: str


class _Rule(NamedTuple):
    kind: str
    what: str
    pattern: re.Pattern[str]
    fix: str = _SCRUB
    in_media: bool = False  # unlike anything that chance makes among the bytes of a film
    words: tuple[str, ...] = ()  # in small letters; one of them is in every match, if there are any: found quickly
    counts: Callable[[str], bool] = bool


def _rule(kind: str, what: str, pattern: str, **rest: object) -> _Rule:
    written = pattern.replace("FINE", r"(?!redacted\b|REDACTED\b|\*{3}|fake-account-)").replace("QUOTE", r"\\?[\"']")
    # A colon, or the `:` and `- ` of a header in YAML, or what HAR has between a header's name and its value.
    to = r"""(?:QUOTE)?\s*(?:[:=](?:\s*-\s)?|,\s*QUOTEvalueQUOTE\s*:)\s*(?:QUOTE)?""".replace("QUOTE", r"\\?[\"']")
    return _Rule(kind, what, re.compile(written.replace("TO", to), re.VERBOSE), **rest)  # type: ignore[arg-type]


def _is_drawn(text: str) -> bool:
    return len(set(text[-36:].lower())) > 5  # a person types 00000000-0000-…


_RULES = (
    _rule(
        "api-key",
        "an API key",
        # Within a word it is none ("task-"), but after an escape of JSON or of an address, which ends in a letter. Keys
        # of workspaces have dots, the first after one letter.
        r"""(?: (?<![A-Za-z0-9]) | (?<=\\[bfnrt]) | (?<=%[0-9A-Fa-f]{2}) | (?<=\\u00[0-9A-Fa-f]{2}) )
            sk- (?: [\w-]{8,} | (?:ws|sp)- [\w.-]{8,} )""",
        fix=_REVOKE,
        in_media=True,
        words=("sk-",),
    ),
    _rule(
        "authorization",
        "an Authorization value",
        r"""(?i: (?<![\w-]) (?:proxy-)?authorization TO FINE [^\s\"',}\]]{4,}
            | \bbearer (?:\s|%20|\+)+ FINE [\w.~+/=-]{4,} )""",
        fix=_REVOKE,
        in_media=True,
        words=("authorization", "bearer"),
    ),
    _rule(
        "cookie",
        "a cookie",
        r"(?i: (?<![\w-]) (?:set-)?cookie TO FINE [\w.-]{1,60}= | \bacw_tc= FINE \w)",
        fix=_REVOKE,
        words=("cookie", "acw_tc"),
    ),
    _rule(
        "access-key",
        "an access key id or a temporary token",
        r"(?<![A-Za-z0-9]) (?: LTAI[0-9A-Za-z]{4,} | A[KS]IA[0-9A-Z]{12,} | STS\.[0-9A-Za-z]{8,} )",
        fix=_REVOKE,
        in_media=True,
        words=("ltai", "akia", "asia", "sts."),
    ),
    _rule(
        "signed-link",
        "a signed link",
        r"""(?i: (?<![\w-]) (?: ossaccesskeyid | (?:x-(?:oss|amz)-)?(?:signature|credential|security-token)
            | access_token | auth_key | token | sig ) (?:=|%3D) FINE [^\s&\"'<>]{4,} )""",
        words=("accesskeyid", "credential", "token", "auth_key", "sig"),
    ),
    _rule(
        "upload-credential",
        "an upload credential",
        r"""(?i: (?<![\w-]) (?: policy | signature | oss_?access_?key_?id | (?:x_oss_)?security_token )
            QUOTE \s*:\s* QUOTE FINE [\w+/=-]{6,} )
            | name=\\?\"(?:policy|[Ss]ignature|OSSAccessKeyId|x-oss-security-token)\\?\"
            (?: \s | \\r | \\n | \\\s )+ FINE [^\s\\]""",
        in_media=True,
        words=("policy", "signature", "access", "security", "name="),
    ),
    _rule("base64-input", "an input in base64", r"(?i: ;base64,[A-Za-z0-9+/] )", words=(";base64,",)),
    _rule("base64", "a long run of base64", r"[A-Za-z0-9+/]{100,}"),
    _rule("binary", "a body that nobody can review", r"!!binary|base64_string", fix=_CONVERT),
    _rule(
        "account",
        "the id of an account",
        r"""(?i: (?<![\w-]) (?: caller_?uid | caller_?parent_?id | api_?key_?id | uid | (?:main_?)?account_?id
            | x-dashscope-(?:uid|apikeyid) ) TO FINE [\w-]{4,} ) | (?<![\w.-]) 1[0-9]{15} (?![\w.-])""",
    ),
    _rule(
        "workspace",
        "a workspace",
        r"""(?i: (?:x-dashscope-workspace | (?<![\w-]) workspace_?id) TO FINE [\w-]{3,}
            | // (?!fake-account-|redacted\b|trial\.|token-plan\.)
              [\w-]{1,64} \. [a-z0-9-]{1,40} \.maas\.aliyuncs\.com )
            | (?<![A-Za-z0-9]) (?:llm|ws)- (?=[a-z]{0,40}[0-9]) [a-z0-9]{8,}""",
        words=("workspace", ".maas.", "llm-", "ws-"),
    ),
    _rule("json-token", "a token or an upload policy", r"(?<![A-Za-z0-9]) eyJ[\w+/=-]{12,}", words=("eyj",)),
    _rule(
        "private-key",
        "a private key",
        r"-----BEGIN[ ][A-Z ]{0,20}PRIVATE[ ]KEY",
        fix=_REVOKE,
        in_media=True,
        words=("-----begin",),
    ),
    _rule(
        "token",
        "a token of another service",
        r"(?<![A-Za-z0-9]) (?: gh[pousr]_\w{16,} | github_pat_\w{16,} | xox[abprs]-[\w-]{8,} | AIza[\w-]{20,} )",
        fix=_REVOKE,
        in_media=True,
        words=("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "xox", "aiza"),
    ),
    _rule(
        "named",
        "something that is named a secret",
        r"""(?i: (?<![A-Za-z]) (?: api[_-]?key | access[_-]?key[_-]?secret | secret[_-]?key | client[_-]?secret
            | passw(?:or)?d | (?:security|access|auth|refresh|session)[_-]?token )
            TO (?!v1:) FINE [^\s\"',;&\\]{4,} )""",
        words=("key", "secret", "passw", "token"),
    ),
    _rule(
        "user-in-link",
        "a password in a link",
        r"(?<![a-zA-Z]) [a-zA-Z+.-]{2,20}:// FINE [^\s/?#@\"'<>]{1,200}@",
        words=("://",),
    ),
    _rule(
        "task-id",
        "the id of a task or a request",
        r"""(?i: (?: (?:task_?id|request_?id) TO | /tasks/ ) (?!fa4e) [0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12} )""",
        counts=_is_drawn,
        words=("task", "request"),
    ),
)
KINDS = (*(rule.kind for rule in _RULES), "random")
"""Every kind of finding."""
_FOR_MEDIA = tuple(rule for rule in _RULES if rule.in_media)
_WORD = re.compile(r"[A-Za-z0-9_+/=-]{28,}")


def find(content: bytes) -> list[Finding]:
    """Everything in a text that looks like a secret, in the order of lines, at most once per line and kind."""
    text = content.decode("utf-8", "replace")
    found = _matches(text, _RULES)
    for n, line in enumerate(text.split("\n"), 1):
        if "%" in line:
            found += [finding._replace(line=n) for finding in _matches(unquote_plus(line), _RULES)]
        found += [
            Finding("random", n, f"a word of {len(word)} characters that looks random", _SCRUB)
            for word in _WORD.findall(line)
            if _is_random(word)
        ]
    unique = {(finding.line, finding.kind): finding for finding in found}
    return [unique[key] for key in sorted(unique)]


def find_in_media(content: bytes) -> list[Finding]:
    """What looks like a secret in the bytes of a result file: only what chance does not make."""
    fix = "Use --media describe: the file is not written then"
    found = _matches(content.decode("latin-1"), _FOR_MEDIA)
    return [finding._replace(line=1, what=f"{finding.what} in a result file", fix=fix) for finding in found]


def find_in_name(name: str) -> list[Finding]:
    """What looks like a secret in the name of a file."""
    found = find(name.encode("utf-8", "replace"))
    return [finding._replace(line=1, what=f"{finding.what} in its name", fix="Rename the file") for finding in found]


def _matches(text: str, rules: Iterable[_Rule]) -> list[Finding]:
    starts = [at.end() for at in re.finditer("\n", text)]
    plain = text.casefold()
    return [
        Finding(rule.kind, bisect_right(starts, match.start()) + 1, rule.what, rule.fix)
        for rule in rules
        if not rule.words or any(word in plain for word in rule.words)
        for match in rule.pattern.finditer(text)
        if rule.counts(match[0])
    ]


def _is_random(word: str) -> bool:
    """More different characters than words and numbers have, with figures among the letters."""
    if not (re.search("[a-z]", word) and re.search("[A-Z]", word)):
        return False
    entropy = -sum(n / len(word) * math.log2(n / len(word)) for n in Counter(word).values())
    return entropy > 4.1 and len(re.findall(r"[0-9](?=[A-Za-z])|[A-Za-z](?=[0-9])", word)) >= 5
