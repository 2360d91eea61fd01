"""`fakescope contract`: run the contracts against a server or an application, and say what came of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from inspect import Parameter, signature
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from fakescope.catalog import Catalog, load
from fakescope.catalog.spec import BASES, ModelSpec
from fakescope_contracts.drift import drift
from fakescope_contracts.spending import Spending, allow, spending_options

if TYPE_CHECKING:
    from fakescope_contracts.registry import Contract
    from fakescope_contracts.target import Target

__all__ = ["chosen_contracts", "chosen_models", "contract", "drift", "known", "words"]


def words(_context: click.Context | None, param: click.Parameter | None, value: str | None) -> tuple[str, ...]:
    """A list with commas. Raises click.UsageError for an option that is given with nothing in it: none is not all."""
    found = tuple(filter(None, (word.strip() for word in (value or "").split(","))))
    if value is not None and param is not None and not found:
        raise click.UsageError(f"{param.opts[0]} {value!r:.80} names nothing; leave it out, or give words with commas")
    return found


@click.command("contract")
@click.option("--url", metavar="URL", help="The server, such as http://127.0.0.1:8900.")
@click.option("--app", metavar="MODULE:NAME", help="An ASGI application, or what makes one, to run in this process.")
@click.option(
    "--cassettes", metavar="DIR", type=click.Path(file_okay=False), help="Recordings: what they answered is judged."
)
@click.option("--models", metavar="NAMES", callback=words, help="Only these models, with commas. [default: all]")
@click.option(
    "--max-examples",
    metavar="N",
    type=click.IntRange(1, 10_000_000),
    default=100,
    show_default=True,
    help="For each contract; its models share them, at least one for each.",
)
@click.option("--seed", metavar="N", type=click.IntRange(0), help="Draw the same examples again. [default: a new one]")
@click.option("--only", metavar="IDS", callback=words, help="Only contracts with these ids, or that begin so.")
@click.option(
    "--basis",
    metavar="WORDS",
    callback=words,
    help=f"Only what is known in these ways: {', '.join(BASES)}. [default: all]",
)
@click.option("--can", metavar="WORDS", callback=words, help="What the target can do, if it does not say so itself.")
@click.option("--key", metavar="KEY", envvar="CONTRACT_KEY_A", help="The key to send. [CONTRACT_KEY_A]")
@click.option("--key-b", metavar="KEY", envvar="CONTRACT_KEY_B", help="That of a second account. [CONTRACT_KEY_B]")
@spending_options
@click.option("--report", metavar="KINDS", callback=words, help="Write files: junit, html, json, exchanges.")
@click.option("--report-dir", metavar="DIR", default=".", type=click.Path(file_okay=False), help="Where they go.")
@click.option("--list", "only_list", is_flag=True, help="Say which contracts there are, and end.")
def contract(
    url: str | None,
    app: str | None,
    cassettes: str | None,
    models: tuple[str, ...],
    max_examples: int,
    seed: int | None,
    only: tuple[str, ...],
    basis: tuple[str, ...],
    can: tuple[str, ...],
    key: str | None,
    key_b: str | None,
    report: tuple[str, ...],
    report_dir: str,
    only_list: bool,
    spending: Spending,
) -> int:
    """Check what a server of this API promises: ours, your own fake, anybody's.

    \b
    fakescope contract --url http://127.0.0.1:8900
    fakescope contract --app myfake:app --models wan2.2-t2v-plus --basis seen,documented
    fakescope contract --cassettes tests/cassettes

    Nothing is asked of recordings: each recorded answer is judged, and each recorded task; contracts that need requests
    of their own are skipped.

    Exit status: 0 all kept, 1 a promise is broken, 2 wrong use, 3 the target does not answer, 130 interrupted.
    """
    try:
        # Deferred: the simulator itself is installed without Hypothesis.
        from fakescope.ids import fresh_seed
        from fakescope_contracts.registry import all_contracts
        from fakescope_contracts.reports import REPORTS, Findings
        from fakescope_contracts.runner import Plan, run, trials
        from fakescope_contracts.target import ABILITIES, NoAnswerError
        from fakescope_contracts.telling import Progress, tell_all
    except ModuleNotFoundError as error:
        raise OSError(f"{error.name} is missing: pip install 'fakescope[contracts]'") from None
    contracts = chosen_contracts(all_contracts(), only)
    known("basis", basis, BASES)
    known("report", report, REPORTS)
    known("can", can, ABILITIES)
    if only_list:
        for one in contracts:
            click.echo(f"{one.id:<28} {one.basis:<11} {one.promise}")
        return 0
    if sum(map(bool, (url, app, cassettes, spending.region))) != 1:
        raise click.UsageError(
            "give --url http://…, --app module:name, --cassettes DIR or --region of the vendor, one of them"
        )
    if report:
        _make(Path(report_dir), [REPORTS[kind][0] for kind in report])
    catalog = load()
    if cassettes:
        _refuse_others()
        return _judge(Path(cassettes), contracts, catalog, basis or BASES, report, Path(report_dir))
    specs = chosen_models(catalog, models)
    plan = Plan(max_examples, fresh_seed() if seed is None else seed, basis or BASES)
    keys = {name: given for name, given in (("a", key), ("b", key_b)) if given}
    try:
        target = _target(url, app, can, keys, catalog, spending)
        try:
            todo = trials(contracts, target, specs, plan)
            allow(todo, target.region, spending)
            click.echo(f"Contracts against {target.name}, region {target.region}, seed {plan.seed}")
            click.echo(f"It can do this: {', '.join(sorted(target.abilities)) or 'nothing special'}")
            progress = Progress(todo)
            verdicts = run(todo, target, catalog, plan, progress.example)
            findings = Findings(target, url or "http://127.0.0.1:8900", plan.seed, [])
            with _no_traces():
                return tell_all(verdicts, findings, progress, report, Path(report_dir))
        finally:
            target.close()
    except NoAnswerError as error:
        raise ConnectionError(f"no answer: {error}") from None


def _make(folder: Path, names: Sequence[str]) -> None:
    """The folder for reports, before anything is sent: a run may take hours. Raises click.UsageError."""
    file = folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file in (folder / name for name in names):
            is_new = not file.exists()
            file.open("ab").close()
            if is_new:
                file.unlink()
    except OSError as error:
        words = f"{str(file)!r:.200} cannot be written: {error.strerror or error}"
        raise click.UsageError(f"--report-dir: {words}; give a folder that can") from None


@contextmanager
def _no_traces() -> Iterator[None]:
    """Hypothesis keeps what it has worked out in ./.hypothesis, which is not ours to make."""
    from hypothesis.configuration import set_hypothesis_home_dir

    if os.environ.get("HYPOTHESIS_STORAGE_DIRECTORY"):
        yield
        return
    with TemporaryDirectory(prefix="fakescope-") as folder:
        set_hypothesis_home_dir(folder)
        try:
            yield
        finally:
            set_hypothesis_home_dir(None)


def chosen_contracts(contracts: Sequence[Contract], only: Sequence[str]) -> list[Contract]:
    """Those with these ids, or whose ids begin so; all if none is named. Raises click.UsageError."""
    for word in only:
        if not any(one.id.startswith(word) for one in contracts):
            raise click.UsageError(f"no contract is called {word!r:.80}; `fakescope contract --list` has them all")
    return [one for one in contracts if not only or one.id.startswith(tuple(only))]


def chosen_models(catalog: Catalog, names: Sequence[str]) -> list[ModelSpec]:
    """The specs of these models, all if none is named. Raises click.UsageError."""
    if not names:
        return catalog.specs()
    found = []
    for name in names:
        spec = catalog.find(name)
        if spec is None:
            raise click.UsageError(f"{name!r:.80} is not a known model; `fakescope models` lists them")
        found.append(spec)
    return found


def known(option: str, given: Sequence[str], allowed: Any) -> None:
    """Raises click.UsageError for a word that is not allowed."""
    for word in given:
        if word not in allowed:
            raise click.UsageError(f"--{option} {word!r:.80} is not one of {', '.join(allowed)}")


def _target(
    url: str | None, app: str | None, can: Sequence[str], keys: dict[str, str], catalog: Catalog, spending: Spending
) -> Target:
    from fakescope_contracts.asgi import AsgiTarget
    from fakescope_contracts.vendor import gated, open_target

    if app is None:
        return open_target(url or "", catalog, os.environ, spending, abilities=can or None, keys=keys)
    try:
        target = AsgiTarget(_application(app), name=app, abilities=can or None, keys=keys)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    return gated(target, catalog, spending)


def _application(where: str) -> Any:
    """The application at `module:name`; what takes no arguments makes one. The working directory is searched, too."""
    module, _, name = where.partition(":")
    if not module or not name:
        raise click.UsageError(f"--app {where!r:.80} is not there: give MODULE:NAME, such as myfake:app")
    sys.path.insert(0, "")
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise click.UsageError(f"--app {where!r:.80} is not there: {error}") from None
    except Exception as error:
        raise click.UsageError(f"--app {where!r:.80} cannot be loaded: {_in_a_line(error)}") from None
    needed = [
        one for one in _parameters(found) if one.default is Parameter.empty and one.kind < Parameter.VAR_POSITIONAL
    ]
    if needed:
        return found
    try:
        made = found()
    except Exception as error:
        raise click.UsageError(f"--app {where!r:.80} fails when it is called: {_in_a_line(error)}") from None
    if not callable(made):
        raise click.UsageError(f"--app {where!r:.80} makes {made!r:.80}, which is no application")
    return made


def _in_a_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error!s:.200}".split())


def _parameters(app: Callable[..., Any]) -> Sequence[Parameter]:
    try:
        return list(signature(app).parameters.values())
    except (TypeError, ValueError):
        raise click.UsageError(f"--app names {app!r:.80}, which is no application") from None


# -- recordings

_OF_RECORDINGS = {"cassettes", "only", "basis", "report", "report_dir", "only_list"}


def _refuse_others() -> None:
    """Options that say nothing of recordings are not passed over in silence. Raises click.UsageError."""
    context = click.get_current_context()
    for param in context.command.params:
        given = context.get_parameter_source(str(param.name)) is ParameterSource.COMMANDLINE
        if given and param.name not in _OF_RECORDINGS:
            raise click.UsageError(f"{param.opts[0]} says nothing of recordings; leave it out with --cassettes")


def _judge(
    folder: Path,
    contracts: Sequence[Contract],
    catalog: Catalog,
    bases: Sequence[str],
    report: Sequence[str],
    report_dir: Path,
) -> int:
    from fakescope.errors import CassetteError
    from fakescope_contracts.recorded import judged
    from fakescope_contracts.reports import Findings
    from fakescope_contracts.stories import CassetteTarget, left_out, stories
    from fakescope_contracts.telling import Progress, tell_all

    target = CassetteTarget(str(folder))
    try:
        told = stories(folder, target, catalog)
    except CassetteError as error:
        raise click.UsageError(str(error)) from None
    answers, tasks = sum(len(one.answers) for one in told), sum(len(one.tasks) for one in told)
    if not answers:
        raise click.UsageError(f"{folder} has no recorded answer of this API; its files are to be *.yaml")
    click.echo(f"Contracts against the recordings in {folder}: {len(told)} cassettes, {answers} answers, {tasks} tasks")
    able = sum(bool(one.recorded) for one in contracts)
    click.echo(f"        {able} contracts can judge recordings, {len(contracts) - able} need requests of their own")
    for reason, count in left_out(told).most_common():
        click.echo(f"        left out: {count} {reason}")
    verdicts = judged(contracts, told, catalog, bases)
    return tell_all(verdicts, Findings(target, "", None, []), Progress([]), report, report_dir)
