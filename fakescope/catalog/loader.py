"""The catalogue's files → values.

A family is read when one of its models is first asked for, so a start costs the same with three families as with
forty. Which file a model is in is read off the lines of the text; a test compares that with the parsed files.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from fakescope.catalog.families import read_family
from fakescope.catalog.spec import (
    Failure,
    Field,
    ModelSpec,
    ProblemText,
    Refusal,
    RegionSpec,
    Service,
    Source,
    TestKey,
    TestPrompt,
)
from fakescope.catalog.tables import Table, parse
from fakescope.errors import CatalogError

__all__ = ["Catalog", "load"]

HERE = Path(__file__).parent


def load(folder: Path = HERE, overlays: Sequence[Path] = ()) -> Catalog:
    """The catalogue in `folder`: `service.toml`, `errors.toml` and `models/*.toml`.

    Family files in `overlays` are laid over it: their models come to the others, or in the place of those of the same
    name. Raises CatalogError, for an overlay at once.
    """
    catalog = Catalog(folder)
    for file in overlays:
        catalog.lay_over(file)
    return catalog


class Catalog:
    """All model specs and vendor texts. Names of models are looked up without reading every family.

    `laid_over` are the names of the models that are as a user's own file says.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file_of: dict[str, Path] = {}
        self._specs: dict[str, ModelSpec] = {}
        self.paths: dict[str, None] = {}
        self.laid_over: set[str] = set()
        self.service = _service(parse(folder / "service.toml"))
        for file in sorted((folder / "models").glob("*.toml")):
            for known in self._note(file):
                if known in self._file_of:
                    raise CatalogError(f"{file.name}: model {known} is already in {self._file_of[known].name}")
                self._file_of[known] = file

    def _note(self, file: Path) -> list[str]:
        """Note the paths of a family, and give the names of its models, from the text alone."""
        names, paths = _outline(file.read_text("utf-8"))
        self.paths.update(dict.fromkeys(paths))
        return names

    def lay_over(self, file: Path) -> None:
        """Take the models of a user's family file, whole, in the place of ours. Raises CatalogError, in one line."""
        # Deferred: only a file of a user's own is asked more than whether it can be read.
        from fakescope.catalog.checks import check

        try:
            specs = read_family(parse(file), self.service.utc_offset_ms)
            check(specs, file.name, self.service.regions, self._texts.problems, self._texts.wordings)
        except CatalogError as error:
            raise CatalogError(_in_one_line(str(error))) from error
        except RecursionError as error:
            raise CatalogError(_in_one_line(f"{file}: has tables nested too deeply to be read")) from error
        for spec in specs:
            self._specs[spec.name], self._file_of[spec.name] = spec, file
            self.laid_over.add(spec.name)
            self.paths.update(dict.fromkeys(filter(None, (spec.path, spec.sync_path))))

    @property
    def names(self) -> Collection[str]:
        """Every model name, aliases included, as the files have them."""
        return self._file_of.keys()

    def find(self, name: str) -> ModelSpec | None:
        """The spec of the model with this name or alias, or None. An alias gives a spec that carries its own name."""
        spec = self._specs.get(name)
        if spec is None and name in self._file_of:
            file = self._file_of[name]
            for read in read_family(parse(file), self.service.utc_offset_ms):
                if self._file_of.get(read.name) == file:  # and not in a file that was laid over it
                    self._specs[read.name] = read
            spec = self._specs[name]
        return spec

    def family(self, name: str) -> list[ModelSpec]:
        """The models of a family one of whose models was found before."""
        return [spec for spec in self._specs.values() if spec.family == name]

    def specs(self) -> list[ModelSpec]:
        """Every model, every family read."""
        return [spec for name in self._file_of if (spec := self.find(name)) is not None]

    def refusal(self, name: str) -> Refusal:
        return self._texts.refusals[name]

    @property
    def refusals(self) -> Mapping[str, Refusal]:
        return self._texts.refusals

    @property
    def problems(self) -> Mapping[str, ProblemText]:
        return self._texts.problems

    @property
    def failures(self) -> Mapping[str, Failure]:
        """Name → the code and text a task fails with when that name is ordered. Most are named as their code."""
        return self._texts.failures

    @property
    def blocked(self) -> Failure:
        """What stands in place of one result among several that was blocked."""
        return self._texts.blocked

    def problem(self, spec: ModelSpec, field: Field, mistake: str) -> ProblemText:
        """The vendor's words for this mistake in this field of this model."""
        text = self.text_of(spec, field, mistake)
        assert text is not None, (spec.name, field.path, mistake)
        return text

    def text_of(self, spec: ModelSpec, field: Field, mistake: str) -> ProblemText | None:
        """As `problem`; None for a word that is no mistake."""
        texts = self._texts
        name = field.says.get(mistake) or texts.wordings[spec.wording].get(mistake, mistake)
        return texts.problems.get(name)

    @cached_property
    def _texts(self) -> _Texts:
        return _texts(parse(self._folder / "errors.toml"))


def _outline(text: str) -> tuple[list[str], list[str]]:
    """Names of models and paths of endpoints, read off a family file line by line: a tenth of what parsing it costs.

    A model begins with its name, then its aliases if it has any, each on a line of its own.
    """
    names, paths = [], []
    before = ""
    for line in text.splitlines():
        key, _, value = line.partition("=")
        match key.rstrip():
            case "name" if before == "[[model]]":
                names.append(value.split('"')[1])
            case "aliases":
                names += [part.split('"')[0] for part in value.split('name = "')[1:]]
            case "path" | "sync_path":
                paths.append(value.split('"')[1])
        before = line.rstrip()
    return names, paths


def _in_one_line(message: str) -> str:
    """A file's keys may hold anything, line ends included."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in message[:1_000])


class _Texts(NamedTuple):
    refusals: Mapping[str, Refusal]
    problems: Mapping[str, ProblemText]
    wordings: Mapping[str, Mapping[str, str]]
    failures: Mapping[str, Failure]
    blocked: Failure


# -- texts and the service


def _texts(file: Table) -> _Texts:
    sources = {key: table.source(None, "source") for key, table in _named_sources(file)}

    def known(table: Table) -> Source:
        name = table.take("source", str)
        if name not in sources:
            raise table.fail(f"source {name!r} is not in [sources]: {', '.join(sources)}")
        return sources[name]

    refusals, problems, failures = {}, {}, {}
    for name, row in file.table("refusal").each():
        refusals[name] = Refusal(
            name,
            row.take("status", int),
            row.take("code", str),
            row.take("message", str),
            row.one_of("envelope", ("gateway", "service"), "gateway"),
            row.basis(None),
            known(row),
        )
        row.done()
    for name, row in file.table("problem").each():
        seen_for = frozenset(row.words("seen_for", []))
        problems[name] = ProblemText(
            name, row.take("code", str), row.take("message", str), row.basis(None), seen_for, known(row)
        )
        row.done()
    for name, row in file.table("failure").each():
        code = row.take("code", str, name)
        failures[name] = Failure(code, row.take("message", str), row.basis(None), known(row))
        row.done()
    wordings: dict[str, dict[str, str]] = file.take("wording", dict)
    for wording, words in wordings.items():
        for mistake, problem in words.items():
            if problem not in problems:
                raise CatalogError(f"errors.toml.wording.{wording}.{mistake}: there is no problem {problem!r}")
    row = file.table("blocked")
    blocked = Failure(row.take("code", str), row.take("message", str), row.basis(None), known(row))
    row.done()
    file.done()
    return _Texts(refusals, problems, wordings, failures, blocked)


def _named_sources(file: Table) -> Iterator[tuple[str, Table]]:
    for key, data in file.take("sources", dict).items():
        yield key, Table({"source": data}, f"errors.toml.sources.{key}")


def _service(file: Table) -> Service:
    regions = {}
    for name, row in file.table("region").each():
        regions[name] = RegionSpec(name, row.take("host", str), row.take("id", str), row.take("result_host", str))
        _provenance(row)
    tasks, gateway, results = file.table("tasks"), file.table("gateway"), file.table("results")
    service = Service(
        regions=regions,
        region_of_host={region.host: region.name for region in regions.values()},
        task_life_ms=tasks.take("life_s", int) * 1000,
        calls_per_s=tasks.take("calls_per_s", int),
        page_size_default=tasks.take("page_size_default", int),
        page_size_most=tasks.take("page_size_most", int),
        list_window_ms=tasks.take("list_window_s", int) * 1000,
        utc_offset_ms=tasks.take("utc_offset_s", int) * 1000,
        body_bytes=gateway.take("body_bytes", int),
        string_chars=gateway.take("string_chars", int),
        link_life_ms=results.take("link_life_s", int) * 1000,
        access_key=results.take("access_key", str),
        test_keys=tuple(TestKey(*_texts_in(row, "key", "refusal", "meaning")) for row in file.tables("test_key")),
        test_prompts=tuple(TestPrompt(*_texts_in(row, "mark", "meaning")) for row in file.tables("test_prompt")),
    )
    for table in (tasks, gateway, results):
        _provenance(table)
    file.done()
    return service


def _texts_in(row: Table, *keys: str) -> list[str]:
    """The texts under these keys, which are all the row has."""
    texts = [row.take(key, str) for key in keys]
    row.done()
    return texts


def _provenance(table: Table) -> None:
    """A table of the service says how it is known, and nothing that was not read."""
    table.basis(None)
    table.source(None)
    table.done()
