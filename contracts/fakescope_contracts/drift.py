"""`fakescope drift`: ask the vendor what it refuses, at no cost, and say what of the catalogue still holds."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import click

from fakescope.catalog import Catalog, load
from fakescope.catalog import loader as _loader

if TYPE_CHECKING:
    from fakescope_contracts.probes import Probe
    from fakescope_contracts.target import Response, Target

__all__ = ["Change", "Finding", "changes", "drift", "look", "patch"]

_MISSING = "nothing"
_KEY_IS_REFUSED = "the key is refused"
_SOURCE = "probes"
_INTERRUPTED = 130  # the exit status, as of every command


class Finding(NamedTuple):
    """What became of a rule. `differs`: what of it → what the catalogue has, and what came."""

    rule: str
    basis: str
    verdict: Literal["confirmed", "contradicted", "not observable"]
    said: str
    probe: Probe | None = None
    response: Response | None = None
    differs: Mapping[str, tuple[object, object]] = {}


@click.command("drift")
@click.option("--region", metavar="NAME", default="", help="Of the vendor; its key is in DASHSCOPE_API_KEY. [beijing]")
@click.option("--url", metavar="URL", default="", help="Another server in the vendor's place.")
@click.option("--zero-cost", is_flag=True, help="Send only what cannot be billed. There is nothing else: always on.")
@click.option("--report", type=click.Choice(["text", "json"]), default="text", show_default=True)
def drift(region: str, url: str, zero_cost: bool, report: str) -> int:  # noqa: ARG001 - it is the rule
    """Ask the vendor what it refuses, and compare the answers with the catalogue. Nothing that is sent can be billed.

    Prints each rule as confirmed, contradicted or not observable, and what would change in the catalogue, as lines and
    as a patch for somebody to read.

    Exit status: 0 nothing is contradicted, 1 something is, 2 wrong use, 3 no answer, 130 interrupted.
    """
    try:
        # Deferred: the simulator itself is installed without Hypothesis.
        from fakescope_contracts.probes import probes
        from fakescope_contracts.spending import Spending
        from fakescope_contracts.target import NoAnswerError
        from fakescope_contracts.vendor import open_target
    except ModuleNotFoundError as error:
        raise OSError(f"{error.name} is missing: pip install 'fakescope[contracts]'") from None
    catalog = load()
    found: list[Finding] = []
    ended: BaseException | None = None
    try:
        target = open_target(url, catalog, os.environ, Spending(region, zero_cost=True))
    except NoAnswerError as error:
        raise ConnectionError(f"no answer: {error}") from None
    try:
        found.extend(look(target, catalog))
    except (KeyboardInterrupt, NoAnswerError) as error:
        ended = error
    finally:
        target.close()
    if found:
        left = sum(1 for _ in probes(catalog, target.region)) - sum(one.probe is not None for one in found)
        words = "the target does not answer any more" if isinstance(ended, NoAnswerError) else "interrupted"
        told = f"{words}, {left} not asked for" if ended else ""
        (_tell_json if report == "json" else _tell)(target, found, told)
    if isinstance(ended, NoAnswerError):
        raise ConnectionError(f"no answer: {ended}")
    if ended is not None:
        return _INTERRUPTED
    return 1 if any(one.verdict == "contradicted" for one in found) else 0


# -- looking


def look(target: Target, catalog: Catalog) -> Iterator[Finding]:
    """Send every probe, and say of every rule what came of it. Raises NoAnswerError if nothing is answered any more."""
    from fakescope_contracts.conversation import UndecidedError
    from fakescope_contracts.probes import probes, unprobed
    from fakescope_contracts.target import NoAnswerError, must_answer

    key_is_refused = False
    for probe in probes(catalog, target.region):
        if key_is_refused and probe.account is not None:
            yield Finding(probe.rule, probe.basis, "not observable", _KEY_IS_REFUSED, probe)
            continue
        try:
            response = target.send(probe.request, probe.account)
        except UndecidedError as error:
            yield Finding(probe.rule, probe.basis, "not observable", str(error), probe)
            continue
        except NoAnswerError as error:
            must_answer(target)
            yield Finding(probe.rule, probe.basis, "not observable", f"no answer: {error}", probe)
            continue
        finding = _judged(probe, response, catalog)
        key_is_refused |= finding.said == _KEY_IS_REFUSED
        yield finding
    for rule, basis, why in unprobed(catalog, target.region):
        yield Finding(rule, basis, "not observable", why)


def _judged(probe: Probe, response: Response, catalog: Catalog) -> Finding:
    said = _object(response.body)
    differs: dict[str, tuple[object, object]] = {}
    if response.status != probe.status:
        differs["status"] = probe.status, response.status
    for key, value in probe.values.items():
        if said.get(key, _MISSING) != value or type(said.get(key)) is not type(value):
            differs[key] = value, said.get(key, _MISSING)
    if probe.keys and tuple(said) != probe.keys:
        differs["keys"] = ", ".join(probe.keys), ", ".join(said) or "no JSON object"
    if not differs:
        return Finding(probe.rule, probe.basis, "confirmed", "", probe, response)
    if reason := _in_the_way(probe, response, said, catalog):
        return Finding(probe.rule, probe.basis, "not observable", reason, probe, response)
    words = "; ".join(f"{what} is {came!r}, not {known!r}" for what, (known, came) in differs.items())
    return Finding(probe.rule, probe.basis, "contradicted", words, probe, response, differs)


def _in_the_way(probe: Probe, response: Response, said: Mapping[str, Any], catalog: Catalog) -> str:
    """What came first and has nothing to do with the rule: a failure, the account's state, too many requests."""
    code = said.get("code")
    if probe.account is None or code == probe.values.get("code", _MISSING):
        return ""
    if response.status >= 500 or response.status == 429:
        return f"HTTP {response.status} came first"
    if response.status == 401 and code == catalog.refusal("invalid_api_key").code:
        return _KEY_IS_REFUSED
    for test in catalog.service.test_keys:
        row = catalog.refusal(test.refusal)
        if (row.status, row.code, row.message) == (response.status, code, said.get("message")):
            return f"the account is refused first: {row.code}"
    return ""


def _object(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


# -- what would change


class Change(NamedTuple):
    """What would change in the catalogue: the key of a table of a file, what is there, and what would be."""

    file: str
    table: str
    key: str
    known: object
    came: object


def changes(found: Iterable[Finding]) -> list[Change]:
    """What would change in the catalogue.

    A refusal that was confirmed, or came otherwise, is seen from now on. A key of `service.toml` shares its basis with
    others, so that it stays.
    """
    made: list[Change] = []
    for one in found:
        probe = one.probe
        if probe is None or one.verdict == "not observable":
            continue
        table, _, key = one.rule.rpartition(".")
        if probe.file == "service.toml" and probe.key in one.differs:
            made.append(Change(probe.file, table, key, *one.differs[probe.key]))
        if probe.file == "errors.toml":
            made += [_change(probe, what, known, came) for what, (known, came) in one.differs.items()]
            if one.basis != "seen":
                made.append(Change(probe.file, one.rule, "basis", one.basis, "seen"))
    return made


def _change(probe: Probe, what: str, known: object, came: object) -> Change:
    if what != "keys":
        return Change(probe.file, probe.rule, what, _with_places(known, probe), _with_places(came, probe))
    orders = ("gateway", "service") if probe.keys[0] == "code" else ("service", "gateway")
    return Change(probe.file, probe.rule, "envelope", *orders)


def _with_places(text: object, probe: Probe) -> object:
    """The text with {method} for the method that was sent, and so on."""
    for name, value in probe.slots.items() if isinstance(text, str) else ():
        text = str(text).replace(value, f"{{{name}}}")
    return text


def patch(made: Sequence[Change], address: str = "") -> str:
    """The changes as a patch of the catalogue's files; `address` is where they come from."""
    folder = Path(_loader.__file__).parent
    parts: list[str] = []
    for file in dict.fromkeys(one.file for one in made):
        before = (folder / file).read_text("utf-8").splitlines(keepends=True)
        after = list(before)
        for one in made:
            if one.file == file:
                _put(after, one.table, one.key, one.came)
        if file == "errors.toml":
            for table in dict.fromkeys(one.table for one in made if one.file == file):
                _put(after, table, "source", _SOURCE)
            _add_source(after, address)
        where = f"fakescope/catalog/{file}"
        parts += unified_diff(before, after, f"a/{where}", f"b/{where}", n=2)
    return "".join(parts)


def _add_source(lines: list[str], address: str) -> None:
    if not any(line.startswith(f"{_SOURCE} ") for line in lines):
        url = json.dumps(address)
        row = f'{_SOURCE} = {{ document = "Probes of the live service with fakescope drift", url = {url} }}\n'
        lines.insert(lines.index("[sources]\n") + 1, row)


def _put(lines: list[str], table: str, key: str, value: object) -> None:
    """Give a key of a table a value, where it stands or at the table's end."""
    shown = json.dumps(value, ensure_ascii=False)  # a basic string of TOML is one of JSON
    start = lines.index(f"[{table}]\n") + 1
    end = next(
        (at for at in range(start, len(lines)) if lines[at].startswith("[") or not lines[at].strip()), len(lines)
    )
    for at in range(start, end):
        if re.match(rf"{key}\s*=", lines[at]):
            lines[at] = f"{lines[at][: lines[at].index('=')]}= {shown}\n"
            return
    lines.insert(end, f"{key} = {shown}\n")


# -- telling


def _tell(target: Target, found: Sequence[Finding], ended: str) -> None:
    click.echo(f"The catalogue against {target.name}, region {target.region}; nothing that was sent can be billed")
    for one in found:
        if one.probe is not None:
            click.echo(f"{one.verdict:<16}{one.rule:<34}{one.basis:<12}{one.said}".rstrip())
        if one.probe is not None and one.verdict == "contradicted":
            for line in _evidence(one):
                click.echo(f"{'':<16}{line}")
    reasons: dict[str, list[str]] = {}
    for one in found:
        if one.probe is None:
            reasons.setdefault(one.said, []).append(one.rule)
    for said, rules in reasons.items():
        shown = ", ".join(rules[:4]) + (f" and {len(rules) - 4} more" if len(rules) > 4 else "")
        click.echo(f"{'not observable':<16}{len(rules)} rules, {said}: {shown}")
    counts = {word: sum(one.verdict == word for one in found) for word in ("confirmed", "contradicted")}
    left = len(found) - sum(counts.values())
    told = f"{counts['confirmed']} confirmed, {counts['contradicted']} contradicted, {left} not observable"
    click.echo(f"{told}; {ended}" if ended else told)
    made = changes(found)
    if made:
        if not _address(target):
            click.echo("\nThis was not the vendor: what it says is no reason to change anything.")
        click.echo("\nTo be read, and taken or not:")
        for change in made:
            click.echo(f"  {change.file}: {change.table}.{change.key} {change.known} → {change.came}")
        click.echo(f"\n{patch(made, _address(target))}", nl=False)


def _evidence(one: Finding) -> list[str]:
    assert one.probe is not None
    assert one.response is not None
    request, response = one.probe.request, one.response
    asked = f"{request.method} {request.path} {request.body.decode('utf-8', 'replace')[:200]}".rstrip()
    return [f"asked: {asked}", f"came:  HTTP {response.status} {response.body.decode('utf-8', 'replace')[:500]}"]


def _tell_json(target: Target, found: Sequence[Finding], ended: str) -> None:
    rows = []
    for one in found:
        row: dict[str, Any] = {"rule": one.rule, "basis": one.basis, "verdict": one.verdict, "said": one.said}
        if one.probe is not None and one.response is not None:
            row["asked"], row["came"] = (line.partition(":")[2].strip() for line in _evidence(one))
        rows.append(row)
    made = changes(found)
    shown = {
        "target": target.name,
        "region": target.region,
        "is_vendor": bool(_address(target)),
        "ended": ended or None,
        "rules": rows,
        "changes": [change._asdict() for change in made],
        "patch": patch(made, _address(target)),
    }
    click.echo(json.dumps(shown, indent=2, ensure_ascii=False))


def _address(target: Target) -> str:
    """Where the vendor is, or "" for anybody else."""
    return getattr(target, "vendor", "")
