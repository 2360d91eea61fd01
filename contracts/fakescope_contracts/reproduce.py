"""A broken promise as something to run: a shell script with curl, and a test for pytest.

Both say again what the example said, with the ids that the server gives this time. Keys that were given by the user are
never written: both read them from the environment.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from shlex import quote
from textwrap import indent
from typing import Any, NamedTuple

from fakescope_contracts.conversation import Broken, Exchange, Step
from fakescope_contracts.target import KEYS, TIMEOUT_S

__all__ = ["Case", "as_curl", "as_pytest"]

_BASE = "http://127.0.0.1:8900"
_SHORTEST_ID = 8
_WIDEST = 90
_BEHIND_HOST = "//"  # where a link is followed: of its address what comes after the host
_RUN = re.compile(rb"(.)\1{63}", re.DOTALL)  # where one begins: to match megabytes with it takes seconds


class Case(NamedTuple):
    """What is shown: the contract, its promise, how it was broken, and at what kind of target."""

    id: str
    promise: str
    broken: Broken
    base: str = _BASE
    abilities: Collection[str] = ()
    keys: Mapping[str, str] = KEYS


class _Said(NamedTuple):
    """One exchange of the script: `uses` are ids that earlier answers gave, `gives` those that later ones need."""

    number: int
    exchange: Exchange
    uses: Mapping[str, str]
    gives: Mapping[str, tuple[str | int, ...]]


# -- curl


def as_curl(case: Case) -> str:
    """A script for sh, with curl: it prints every answer; ids are taken from answers with python3."""
    lines = ["#!/bin/sh", f"# {case.id}: {case.promise}", f"# but {case.broken.came}"]
    lines.append(f': "${{CONTRACT_URL:={case.base}}}"')
    for account in _accounts(case):
        value = f"={KEYS[account]}" if case.keys[account] == KEYS.get(account) else f"?set the key of account {account}"
        lines.append(f': "${{CONTRACT_KEY_{account.upper()}:{value}}}"')
    if "reset" in case.abilities:
        for account in _accounts(case):
            lines += [_curl_control("POST", "reset", account)]
            lines += [_curl_control("PUT", "clock", account, {"action": "freeze"})] * ("clock" in case.abilities)
    for step in _steps(case):
        if isinstance(step, Step):
            if "clock" in case.abilities:
                lines.append(_curl_control("PUT", "clock", step.account, _advance(step)))
            else:
                lines.append(f"sleep {step.seconds:g}")
        else:
            lines += _curl(step)
    return "\n".join([*lines, f"# promised: {case.broken.claim}", ""])


def _curl(said: _Said) -> Iterator[str]:
    request, account = said.exchange.request, said.exchange.account
    command = f"curl -sSg{'' if said.gives else 'i'} --path-as-is -X {request.method}"
    if not said.exchange.response.status:  # it may be waited for for ever
        command += f" -m {TIMEOUT_S:g}"
    command += ' "$CONTRACT_URL"' + _in_shell(request.path, said.uses)
    headers = {name.lower() for name, _ in request.headers}
    for name, value in request.headers:
        command += f" -H {quote(f'{name}: {value}' if value else f'{name};')}"
    if account is not None:
        command += f' -H "Authorization: Bearer $CONTRACT_KEY_{account.upper()}"'
    if request.body or request.method in ("POST", "PUT", "PATCH"):
        command += "" if "content-type" in headers else " -H 'Content-Type:'"
        command = f"{{ {_printed(request.body, said.uses)}; }} | {command} --data-binary @-"
    if not said.gives:
        yield f"{command}; echo"
        return
    yield f"r{said.number}=$({command})"
    yield f"printf '%s\\n' \"$r{said.number}\""
    for name, path in said.gives.items():
        script = quote(f"import json, sys; print(json.load(sys.stdin){_reached(path)})")
        yield f"{name}=$(printf '%s' \"$r{said.number}\" | python3 -c {script})"


def _curl_control(method: str, what: str, account: str, order: Any = None) -> str:
    command = f'curl -sS -o /dev/null -X {method} "$CONTRACT_URL"/_fakescope/{what}'
    command += f' -H "Authorization: Bearer $CONTRACT_KEY_{account.upper()}"'
    return command if order is None else f"{command} -H 'Content-Type: application/json' -d {quote(json.dumps(order))}"


def _in_shell(text: str, uses: Mapping[str, str]) -> str:
    return "".join(f'"${uses[part]}"' if part in uses else quote(part) for part in _parts(text, uses))


def _printed(body: bytes, uses: Mapping[str, str]) -> str:
    """Commands that print the body: text as it is, bytes in octal, long runs of one character by their length."""
    commands = []
    for piece, count in _pieces(body):
        if count > 1:
            commands.append(f"head -c {count} /dev/zero | tr '\\000' '\\{piece[0]:03o}'")
        elif (text := _readable(piece)) is not None:
            commands.append(f"printf %s {_in_shell(text, uses)}")
        else:
            commands.append(f"printf '{''.join(f'{chr(92)}{byte:03o}' for byte in piece)}'")
    return "; ".join(commands) or "printf ''"


# -- pytest


def as_pytest(case: Case) -> str:
    """A module with one test: it fails as long as the promise is broken. It needs httpx."""
    name = re.sub(r"\W+", "_", case.id)
    body: list[str] = []
    if "reset" in case.abilities:
        for account in _accounts(case):
            body.append(_python_control("POST", "reset", account))
            body += [_python_control("PUT", "clock", account, {"action": "freeze"})] * ("clock" in case.abilities)
    sleeps = False
    for step in _steps(case):
        if isinstance(step, Step):
            sleeps = sleeps or "clock" not in case.abilities
            if "clock" in case.abilities:
                body.append(_python_control("PUT", "clock", step.account, _advance(step)))
            else:
                body.append(f"time.sleep({step.seconds:g})")
        else:
            body += _python(step)
    answers = sum(isinstance(step, Exchange) for step in case.broken.history)
    claim = case.broken.claim
    body.append(f"assert {claim}" + (f", r{answers}.text[:1000]" if answers else ""))
    told = json.dumps(f"{case.id}: {case.promise}. But {case.broken.came}", ensure_ascii=False)
    imports = ["import os", *["import re"] * ("re." in claim), *["import time"] * sleeps, "", "import httpx"]
    keys = [f"KEY_{account.upper()} = os.environ{_from_environment(case, account)}" for account in _accounts(case)]
    return "\n".join(
        [
            *imports,
            "",
            f'BASE = os.environ.get("CONTRACT_URL", {json.dumps(case.base)})',
            *keys,
            "",
            "",
            f"def test_{name}() -> None:",
            f"    {told}",
            f"    with httpx.Client(timeout={TIMEOUT_S:g}) as http:",
            indent("\n".join(body), " " * 8),
            "",
        ]
    )


def _from_environment(case: Case, account: str) -> str:
    variable = f"CONTRACT_KEY_{account.upper()}"
    ours = case.keys[account] == KEYS.get(account)
    return f'.get("{variable}", "{KEYS[account]}")' if ours else f'["{variable}"]'


def _python(said: _Said) -> Iterator[str]:
    request, account = said.exchange.request, said.exchange.account
    headers = [f"({json.dumps(name)}, {json.dumps(value)})" for name, value in request.headers]
    if account is not None:
        headers.append(f'("Authorization", f"Bearer {{KEY_{account.upper()}}}")')
    given = [f'"{request.method}"', f"BASE + {_in_python(request.path, said.uses)}"]
    given += [_call("headers=[", headers, "]")] if headers else []
    given += [f"content={_built(request.body, said.uses)}"] if request.body else []
    yield _call(f"r{said.number} = http.request(", given, ")")
    for name, path in said.gives.items():
        yield f"{name} = r{said.number}.json(){_reached(path)}"


def _call(start: str, parts: Sequence[str], end: str) -> str:
    """In one line, or in a line for each part if that would be long."""
    whole = f"{start}{', '.join(parts)}{end}"
    if len(whole) <= _WIDEST and "\n" not in whole:
        return whole
    return f"{start}\n" + "".join(indent(f"{part},\n", "    ") for part in parts) + end


def _python_control(method: str, what: str, account: str, order: Any = None) -> str:
    body = "" if order is None else f", json={json.dumps(order)}"
    headers = f'headers={{"Authorization": f"Bearer {{KEY_{account.upper()}}}"}}'
    return f'http.request("{method}", BASE + "/_fakescope/{what}", {headers}{body}).raise_for_status()'


def _in_python(text: str, uses: Mapping[str, str]) -> str:
    return " + ".join(uses.get(part, repr(part)) for part in _parts(text, uses))


def _built(body: bytes, uses: Mapping[str, str]) -> str:
    built = []
    for piece, count in _pieces(body):
        if count > 1:
            built.append(f"{piece!r} * {count}")
        elif (text := _readable(piece)) is not None:
            inner = _in_python(text, uses)
            built.append(f"({inner}).encode()" if " + " in inner else f"{inner}.encode()")
        else:
            built.append(repr(piece))
    return " + ".join(built)


# -- what both have in common


def _steps(case: Case) -> Iterator[_Said | Step]:
    """The history, with what later requests take from earlier answers."""
    exchanges = [step for step in case.broken.history if isinstance(step, Exchange)]
    texts = [f"{one.request.path} {one.request.body.decode('utf-8', 'replace')}" for one in exchanges]
    names: dict[str, str] = {}
    number = 0
    for step in case.broken.history:
        if isinstance(step, Step):
            yield step
            continue
        number += 1
        uses = {value: name for value, name in names.items() if value in texts[number - 1]}
        gives: dict[str, tuple[str | int, ...]] = {}
        for path, value in _leaves(step.response.body):
            new = value not in names and not any(value in text for text in texts[:number])
            if new and any(value in text for text in texts[number:]):
                names[value] = f"t{len(names) + 1}"
                gives[names[value]] = path
        yield _Said(number, step, uses, gives)


def _leaves(body: bytes) -> list[tuple[tuple[str | int, ...], str]]:
    """Every text in an answer that could be an id, and where it stands."""
    try:
        waiting: list[tuple[tuple[str | int, ...], Any]] = [((), json.loads(body))]
    except ValueError:
        return []
    found: list[tuple[tuple[str | int, ...], str]] = []
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, str) and len(value) >= _SHORTEST_ID:
            found.append((path, value))
            if value.startswith(("http://", "https://")) and value.count("/") > 2:
                found.append(((*path, _BEHIND_HOST), value.split("/", 3)[3]))
        elif isinstance(value, dict):
            waiting += [((*path, key), one) for key, one in value.items()]
        elif isinstance(value, list):
            waiting += [((*path, n), one) for n, one in enumerate(value)]
    return sorted(found, key=lambda leaf: (len(leaf[0]), str(leaf[0])))


def _reached(path: tuple[str | int, ...]) -> str:
    """That place in an answer, as Python."""
    return "".join('.split("/", 3)[3]' if key == _BEHIND_HOST else f"[{json.dumps(key)}]" for key in path)


def _accounts(case: Case) -> list[str]:
    said = (step.account for step in case.broken.history)
    return sorted({account for account in said if account is not None})


def _advance(step: Step) -> dict[str, Any]:
    return {"action": "advance", "seconds": step.seconds}


def _parts(text: str, uses: Mapping[str, str]) -> list[str]:
    """The text, cut where an id stands."""
    if not uses:
        return [text]
    return [part for part in re.split(f"({'|'.join(map(re.escape, uses))})", text) if part]


def _pieces(body: bytes) -> Iterator[tuple[bytes, int]]:
    """The body in pieces: as they are (once), or one byte many times."""
    at = 0
    while run := _RUN.search(body, at):
        if run.start() > at:
            yield body[at : run.start()], 1
        other = re.compile(b"[^" + re.escape(run[1]) + b"]").search(body, run.end())
        at = other.start() if other else len(body)
        yield run[1], at - run.start()
    if at < len(body):
        yield body[at:], 1


def _readable(piece: bytes) -> str | None:
    """The piece as a text that can be shown as it is, or None."""
    try:
        text = piece.decode()
    except UnicodeDecodeError:
        return None
    return text if text.isprintable() else None
