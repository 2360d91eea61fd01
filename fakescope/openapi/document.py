"""The whole document: paths, parameters, bodies, answers, refusals."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any, NamedTuple

from fakescope._version import __version__
from fakescope.catalog.loader import Catalog
from fakescope.catalog.spec import Limits, ModelSpec
from fakescope.openapi.answers import (
    STATUSES,
    VERSIONED,
    listed,
    objects,
    pending,
    ref,
    refusals,
    refused,
    result_of,
    task_in,
)
from fakescope.openapi.bodies import model_body, named_source, presence_body
from fakescope.openapi.documented import answered, polled, requested
from fakescope.openapi.examples import example_body, formats
from fakescope.openapi.tasks import TASK_ID, task_paths
from fakescope.openapi.values import Schema

__all__ = ["VIEWS", "document"]

VIEWS = {
    "stated": "Request bodies are as the models' documents state them, for whoever wants to write a right one. The "
    "service takes more than that at some endpoints and fails the task a moment later; `fakescope serve --errors "
    "early` refuses whatever this document does not allow.",
    "accepted": "Request bodies are whatever a submission is accepted with. At some endpoints that is more than the "
    "models' documents state: the task then fails a moment later. What they state is here, too, as a schema that has "
    "the model's name.",
}
"""What the request bodies of a document are, and what a document says of it."""


class _Group(NamedTuple):
    """A model under all its names: the schema of its body has the first of them.

    `as_documented` are those that no file of a user's replaces: the documents' examples are true of them.
    """

    spec: ModelSpec
    names: tuple[str, ...]
    as_documented: tuple[str, ...]
    body: Schema

    @property
    def component(self) -> str:
        return re.sub(r"[^\w.-]", "-", self.spec.name, flags=re.ASCII)

    def is_synchronous_at(self, path: str) -> bool:
        return self.spec.mode == "sync" or path == self.spec.sync_path


def document(
    catalog: Catalog,
    *,
    view: str = "stated",
    models: Collection[str] = (),
    region: str | None = None,
    server: str = "http://127.0.0.1:8900",
) -> dict[str, Any]:
    """The API of these models, or of all, in one region or in any, as an OpenAPI 3.1 document. Always the same one.

    `view` is a word of VIEWS. Documents share parts: change none.
    """
    groups = list(_groups(catalog, models, region))
    paths = dict.fromkeys(path for g in groups for path in (g.spec.path, g.spec.sync_path) if path)
    schemas = _common(groups)
    submissions = {path: _submission(path, groups, view, schemas) for path in paths}
    schemas |= {group.component: _described(group) for group in groups}
    rules = [field.rule for group in groups for field in group.spec.fields]
    answers = refusals(catalog, of_tasks=False), refusals(catalog, of_tasks=True)
    responses = {
        f"{kind}{status}": r for kind, rs in zip(("Submit", "Task"), answers, strict=True) for status, r in rs.items()
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "DashScope image and video generation, as simulated by fakescope",
            "version": __version__,
            "description": f"{VIEWS[view]}\n\nEvery path is served with and without a final slash. Result links are "
            "plain downloads and not part of this document; nor is fakescope's own control API.",
            "license": {"name": "MIT", "identifier": "MIT"},
            "x-fakescope-view": view,
        },
        "servers": [{"url": server}],
        "security": [{"bearer": []}],
        "tags": [{"name": tag} for tag in dict.fromkeys([*map(_tag, paths), "tasks"])],
        "paths": {path: {"post": submission} for path, submission in submissions.items()}
        | task_paths(catalog.service, polled([name for group in groups for name in group.as_documented])),
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "The key is the account."}
            },
            "headers": _HEADERS,
            "parameters": _PARAMETERS,
            "responses": responses,
            "schemas": schemas,
        },
        "x-fakescope-formats": formats(rules),
    }


def _groups(catalog: Catalog, models: Collection[str], region: str | None) -> Iterator[_Group]:
    specs = [spec for spec in catalog.specs() if not models or spec.name in models]
    specs = [spec for spec in specs if region is None or region in spec.regions]
    by_name = {spec.name: spec for spec in specs}
    bodies = {spec.name: model_body(spec) for spec in specs}
    taken: set[str] = set()
    for spec in specs:
        if spec.name in taken:
            continue
        others = [alias.name for alias in spec.aliases if alias.name in by_name and alias.name != spec.name]
        names = (spec.name, *(name for name in others if bodies[name] == bodies[spec.name] and name not in taken))
        taken.update(names)
        body = bodies[spec.name]
        body["properties"]["model"] = {"type": "string", "enum": [*names]}
        about = [by_name[name] for name in names]
        body["x-fakescope-models"] = {one.name: _terms(one) for one in about}
        yield _Group(spec, names, tuple(name for name in names if name not in catalog.laid_over), body)


def _terms(spec: ModelSpec) -> dict[str, Any]:
    elsewhere = {name: _limits(terms.limits) for name, terms in spec.elsewhere.items() if terms.limits is not None}
    return {"regions": [*spec.regions], "limits": _limits(spec.limits)} | (
        {"limits_in": elsewhere} if elsewhere else {}
    )


def _limits(limits: Limits) -> dict[str, Any]:
    return {"submits": limits.submits, "per_s": limits.per_s, "running": limits.running, "basis": limits.basis}


_WRONG = {
    "task": "A wrong field is accepted and fails the task.",
    "presence": "A missing field is refused, a wrong one fails the task.",
    "submit": "A wrong field is refused.",
}


def _described(group: _Group) -> Schema:
    spec = group.spec
    return {
        "title": spec.name,
        "description": f"{spec.title}. {_WRONG[spec.problems]}",
        **group.body,
        "x-fakescope-basis": spec.basis,
        "x-fakescope-source": named_source(spec.source),
    }


# -- submissions


def _submission(path: str, groups: Iterable[_Group], view: str, schemas: dict[str, Schema]) -> dict[str, Any]:
    """The operation that submits to a path. What it needs besides the models' own schemas is put into `schemas`."""
    here = [group for group in groups if path in (group.spec.path, group.spec.sync_path)]
    at_once = [group for group in here if group.is_synchronous_at(path)]
    as_task = [group for group in here if not group.is_synchronous_at(path)]
    mapping = {name: group.component for group in here for name in group.names}
    if view == "accepted":
        mapping |= _accepted(path, as_task, schemas)
    components = [*dict.fromkeys(mapping.values())]
    body: Schema = ref(components[0])
    if len(components) > 1:
        refs = {name: ref(component)["$ref"] for name, component in mapping.items()}
        body = {
            "oneOf": [ref(component) for component in components],
            "discriminator": {"propertyName": "model", "mapping": refs},
        }
    parameters = [] if not as_task else ["Asynchronous"] if not at_once else ["PerhapsAsynchronous"]
    answers = [ref("Submitted")] * bool(as_task)
    answers += [ref(name) for name in dict.fromkeys(_answer(group, schemas) for group in at_once)]
    examples: dict[str, Any] = {}
    for group in here:
        examples |= requested(path, group.as_documented) or {group.spec.name: _made(group)}
    shown = answered(path, [name for group in here for name in group.as_documented])
    media: Schema = {"schema": answers[0] if len(answers) == 1 else {"anyOf": answers}}
    answer: Schema = {
        "description": "What was made" if at_once else "A task, which is PENDING",
        "headers": VERSIONED,
        "content": {"application/json": media | ({"examples": shown} if shown else {})},
    }
    if as_task and not at_once:
        answer["links"] = {
            operation: {"operationId": operation, "parameters": {"task_id": "$response.body#/output/task_id"}}
            for operation in ("fetch_task", "cancel_task")
        }
    words = path.rstrip("/").rsplit("/", 2)[1:]
    return {
        "operationId": re.sub(r"\W", "_", f"submit_{'_'.join(words)}"),
        "tags": [_tag(path)],
        "summary": "; ".join(dict.fromkeys(group.spec.title for group in here)),
        "parameters": [{"$ref": f"#/components/parameters/{name}"} for name in [*parameters, "ResolveUploads"]],
        "requestBody": {"required": True, "content": {"application/json": {"schema": body, "examples": examples}}},
        "responses": {"200": answer} | refused("Submit", ("400", "401", "403", "404", "429", "500", "503")),
    }


def _made(group: _Group) -> dict[str, Any]:
    """The example of a model that no document shows a request of at a path."""
    return {
        "summary": f"{group.spec.name}: made from its rules",
        "description": "No document of the vendor's shows a request of this model here: this is what it needs, and "
        "the defaults of its parameters.",
        "value": example_body(group.spec),
    }


def _accepted(path: str, groups: Iterable[_Group], schemas: dict[str, Schema]) -> dict[str, str]:
    """Name of a model → the schema of what its submissions are accepted with."""
    mapping: dict[str, str] = {}
    anything: list[_Group] = []
    for group in groups:
        if group.spec.problems == "task":
            anything.append(group)
            continue
        body = group.body if group.spec.problems == "submit" else presence_body(group.spec)
        name = f"{group.component}.accepted"
        body["properties"]["model"] = {"type": "string", "enum": [*group.names]}
        schemas[name] = {"title": name, **body}
        mapping |= dict.fromkeys(group.names, name)
    for needs in (False, True):
        names = [name for group in anything if group.spec.needs_parameters is needs for name in group.names]
        if names:
            component = f"{_words(path)}{'.with-parameters' * needs}.accepted"
            table: Schema = {"type": "object"}
            schemas[component] = {
                "title": component,
                "type": "object",
                "required": ["model", "input", *["parameters"] * needs],
                "properties": {
                    "model": {"type": "string", "enum": names},
                    "input": table,
                    "parameters": table if needs else {"type": ["object", "null"]},
                },
            }
            mapping |= dict.fromkeys(names, component)
    return mapping


def _answer(group: _Group, schemas: dict[str, Schema]) -> str:
    """The schema of what a model answers at once: models that answer alike share it."""
    output, usage = result_of(group.spec)
    schema = objects({"output": output, "usage": usage, "request_id": {"type": "string"}})
    known = next((name for name, one in schemas.items() if name.endswith(".answer") and one == schema), None)
    name = known or f"{group.component}.answer"
    schemas[name] = schema
    return name


def _words(path: str) -> str:
    return ".".join(path.rstrip("/").rsplit("/", 2)[1:])


def _tag(path: str) -> str:
    return path.rstrip("/").rsplit("/", 2)[1]


# -- components


def _common(groups: Iterable[_Group]) -> dict[str, Schema]:
    """What every document has, and the results of tasks."""
    results: dict[str, dict[str, Any]] = {}
    for group in groups:
        if group.spec.mode == "sync":
            continue
        output, usage = result_of(group.spec)
        properties = {"output": output, "usage": usage}
        known = next((one for one in results.values() if one["properties"] == properties), None)
        if known is None:
            known = objects(properties) | {"x-fakescope-models": []}
            results[f"{group.component}.result"] = known
        known["x-fakescope-models"] += group.names
    tasks = {f"Task.{status}": task_in(status, map(ref, results)) for status in STATUSES}
    code = {"type": "string"}
    return {
        "Submitted": pending(),
        "TaskStatus": {"type": "string", "enum": [*STATUSES]},
        "TaskMetrics": objects({key: {"type": "integer", "minimum": 0} for key in ("TOTAL", "SUCCEEDED", "FAILED")}),
        "Task": {"oneOf": [ref(name) for name in tasks]},
        "TaskList": listed(),
        "Refusal": objects({"code": code, "message": code, "request_id": code}),
        "PartialFailure": objects({"code": code, "message": code}),
        **tasks,
        **results,
    }


def _our_header(what: str) -> Schema:
    return {"description": f"fakescope's own: {what}. Not sent with --no-extra-headers.", "schema": {"type": "string"}}


_HEADERS = {
    "X-Fakescope-Version": _our_header("its version"),
    "X-Fakescope-Rule": _our_header("the rule that refused; `fakescope explain RULE` says more"),
    "X-Fakescope-Hint": _our_header("what was wrong, and what would be accepted"),
    "X-Fakescope-Basis": _our_header("how the rule is known: seen, documented or inferred"),
}

_ASYNC = {
    "name": "X-DashScope-Async",
    "in": "header",
    "required": True,
    "description": "Models that make tasks are called this way only.",
    "schema": {"type": "string", "enum": ["enable"]},
}
_PARAMETERS: dict[str, Schema] = {
    "Asynchronous": _ASYNC,
    "PerhapsAsynchronous": _ASYNC | {"required": False},
    "ResolveUploads": {
        "name": "X-DashScope-OssResourceResolve",
        "in": "header",
        "description": "`enable` where an address in the body is that of an upload, oss://…",
        "schema": {"type": "string", "examples": ["enable"]},
    },
    "TaskId": TASK_ID,
}
