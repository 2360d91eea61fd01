"""Texts and links without secrets, and fakes for ids: the same id is the same fake in all of a cassette."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b, sha256
from itertools import pairwise
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit, urlunsplit

__all__ = ["ACCOUNTS", "IDS", "REDACTED", "Texts", "bare", "is_link"]

REDACTED = "redacted"
"""What stands where a secret stood."""
IDS = {"taskid", "requestid"}
"""Names of ids of tasks and requests."""
ACCOUNTS = {
    "uid", "userid", "calleruid", "callerparentid", "accountid", "mainaccountid", "apikeyid", "workspace",
    "workspaceid", "tenantid", "appid", "xdashscopeuid", "xdashscopeapikeyid", "xdashscopeworkspace",
}  # fmt: skip
"""Names of ids of accounts, workspaces and keys."""
_QUERY = {
    "action", "end_time", "expires", "format", "h", "height", "model", "model_name", "page", "page_no", "page_size",
    "q", "quality", "region", "start_time", "status", "task_id", "v", "version", "w", "width", "x-oss-process",
}  # fmt: skip
_HARMLESS_QUERY = re.compile(r"[\w.,:/-]{0,64}", re.ASCII)
_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_FAKE = re.compile(r"fa4e([0-9a-f]{4})-([0-9a-f]{4})-[0-9a-f]([0-9a-f]{3})-8000-([0-9]{12})")
_HEX = re.compile(r"(?<![0-9a-zA-Z])[0-9a-f]{32}(?![0-9a-zA-Z])")
_FAKE_HEX = re.compile(r"fa4e0{20}[0-9]{8}")
_DATA = re.compile(r"data:[\w.+-]{1,40}/[\w.+-]{1,60}[^,\s\"'<>]{0,200},[^\s\"'<>]*", re.IGNORECASE)
_STAND_IN = re.compile(r"data:[\w.+-]+/[\w.+-]+;fakescope,sha256=[0-9a-f]{32};bytes=[0-9]{1,12}")
_LINK = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]{1,20}://(?:(?![\"'<>\\^`{|}])[!-~])+")
_NO_WORKSPACES = ("trial", "token-plan")
_WORKSPACE_HOST = re.compile(r"([^.]+)((?:\.[a-z0-9-]+)+\.maas\.aliyuncs\.com)", re.IGNORECASE)
# Where a key may begin: not within a word, but after an escape of JSON or of an address, which ends in a letter.
_EDGE = r"(?:(?<![A-Za-z0-9])|(?<=\\[bfnrt])|(?<=%[0-9A-Fa-f]{2})|(?<=\\u00[0-9A-Fa-f]{2}))"
_TOKENS = re.compile(
    r"""
    -----BEGIN[ ][\s\S]*?(?:-----END[^-]*-----|\Z)              # private keys
  | (?i:\bbearer)\s+[^\s"',;]+
  | EDGE(?:(?:sk|pk|rk)-[A-Za-z0-9_-]{8,}|sk-(?:ws|sp)-[A-Za-z0-9_-]+(?=\.))(?:\.[A-Za-z0-9_-]{2,})*
  | (?<![A-Za-z0-9])(?:LTAI[0-9A-Za-z]{4,}|STS\.[0-9A-Za-z]{8,}|A(?:KIA|SIA)[0-9A-Z]{12,}|AIza[\w-]{20,}
      |gh[pousr]_\w{16,}|github_pat_\w{16,}|xox[abprs]-[\w-]{8,}|eyJ[\w+/=.-]{12,})
  | (?<![A-Za-z0-9])(?:llm|ws)-(?=[a-z0-9]*[0-9])[a-z0-9]{8,}   # workspaces
  | (?<![A-Za-z0-9])acw_tc=[^\s;"']+
  | (?<![0-9A-Za-z])[0-9]{15,}(?![0-9A-Za-z])                  # accounts
  | [A-Za-z0-9+/]{65,}={0,2}                                   # base64
    """.replace("EDGE", _EDGE),
    re.VERBOSE,
)
_NAMED = re.compile(
    r"""(?ix) (?<![A-Za-z]) ( api[_-]?key | access[_-]?key(?:[_-]?(?:id|secret))? | ossaccesskeyid | client[_-]?secret
      | (?:security|access|auth|refresh|session)[_-]?token | passw(?:or)?d | authorization | set-cookie
      | (?:token|secret|signature|policy|cookie|credential)(?==) )
      ( \\?["']? \s* [=:] \s* \\?["']? ) (?!v1:|redacted\b) [^\s"'&,;\\]+"""
)
_SHORTEST_KEY = 20
_OPAQUE = re.compile(r"[A-Za-z0-9_+/=-]{20,}")


class Texts:
    """Knows the ids and the accounts of one cassette; `name` makes its fakes its own.

    First note all that there are, then redact: a fake is numbered when it is first needed.
    """

    def __init__(self, name: str) -> None:
        self._mark = blake2b(name.encode("utf-8", "replace"), digest_size=6).hexdigest()[:11]
        self._ids: dict[str, str] = {}
        self._beginnings: dict[str, str] = {}  # of ids: folders of result links are named so
        self._own: set[str] = set()
        self._accounts: dict[str, str] = {}
        self._keys: set[str] = set()
        self._taken = {"id": 0, "hex": 0, "account": 0}
        self._account: re.Pattern[str] | None = None

    def note_own(self, text: str) -> None:
        """Note what looks like an id in a request and is not known: the user's own, which an answer may repeat."""
        self._own.update(found for found in map(str.lower, _UUID.findall(text)) if found not in self._ids)

    def note_ids(self, text: str, *, is_id: bool = True) -> None:
        """Note all ids of tasks, requests and uploads in a text of the vendor's; but if it may have others, too, none
        that is the user's own.
        """
        for found in _UUID.findall(text):
            if not is_id and found.lower() in self._own:
                continue
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

    def note_link(self, link: str) -> None:
        """Note which task a request's address asks for, and whose workspace its host or its query names."""
        for at in re.findall(r"/tasks/([^/?#]+)", link):
            self.note_ids(unquote(at))
        parts = _split_link(link)
        host = _WORKSPACE_HOST.fullmatch(parts.hostname or "")
        if host and host[1] not in _NO_WORKSPACES:
            self.note_account(host[1])
        for name, value in _pairs(parts.query):
            if bare(name) in ACCOUNTS:
                self.note_account(value)
            if bare(name) in IDS:
                self.note_ids(value)

    def note_account(self, value: str) -> None:
        """Note the id of an account, a workspace or a key."""
        fake = re.fullmatch(r"fake-account-([0-9]{1,6})", value)
        if fake:
            self._taken["account"] = max(self._taken["account"], int(fake[1]))
        elif value:
            self._accounts.setdefault(value, "")

    def note_key(self, value: str) -> None:
        """Note what a request had for its key, which need not look like one. A short word may stand anywhere."""
        key = value.rpartition(" ")[2]
        if len(key) >= _SHORTEST_KEY:
            self._keys.add(key)

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

    def account_id(self, value: str) -> str:
        """The fake of an account's id."""
        if re.fullmatch(r"fake-account-[0-9]{1,6}", value) or not value:
            return value
        if not self._accounts.get(value):
            self._taken["account"] += 1
            self._accounts[value] = f"fake-account-{self._taken['account']}"
        return self._accounts[value]

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
        parts = _split_link(link)
        if not parts.scheme:
            return REDACTED
        host = self._host(parts.netloc.rpartition("@")[2])
        return urlunsplit((parts.scheme, host, self.path(parts.path), self.query(parts.query), ""))

    def _host(self, host: str) -> str:
        found = _WORKSPACE_HOST.fullmatch(host)
        if found and found[1] not in _NO_WORKSPACES:
            return self.account_id(found[1]) + found[2]
        return self._words(host)

    def path(self, path: str) -> str:
        """The path of an address, or the name of an upload."""
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

    def query(self, query: str) -> str:
        """A query, or a form that is sent as one: unknown parameters keep their names only."""
        kept = []
        for name, value in _pairs(query):
            shown = name if re.fullmatch(r"[\w.\[\]-]{1,32}", name, re.ASCII) and self.text(name) == name else REDACTED
            if bare(name) in ACCOUNTS:
                value = self.account_id(value)
            elif name.lower() not in _QUERY or not _HARMLESS_QUERY.fullmatch(value):
                value = REDACTED
            else:
                value = self.text(value)
            kept.append(f"{quote(shown, safe='-._~[]')}={quote(value, safe='-._~:,/')}")
        return "&".join(kept)

    def _words(self, text: str) -> str:
        if len(text) < 20 and text.isalpha():  # most names and values: nothing below is one short word
            return text
        for key in self._keys:
            text = text.replace(key, REDACTED)
        if self._accounts:
            if self._account is None:
                self._account = _any_of(self._accounts)
            text = self._account.sub(lambda found: self.account_id(found[0]), text)
        text = _TOKENS.sub(REDACTED, text)
        text = _NAMED.sub(rf"\1\2{REDACTED}", text)
        text = _UUID.sub(lambda found: self._id(found[0]), text)
        text = _HEX.sub(lambda found: self._id(found[0]), text)
        return _OPAQUE.sub(lambda found: _opaque(found[0]) if _looks_random(found[0]) else found[0], text)


@lru_cache(maxsize=4096)
def bare(name: str) -> str:
    """A name as it is compared: `x-oss-Acl`, `xOssAcl` and `x_oss_acl` are one."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def is_link(text: str) -> bool:
    """Whether a text is one address and nothing else."""
    return _LINK.fullmatch(text) is not None


def _split_link(link: str) -> SplitResult:
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
