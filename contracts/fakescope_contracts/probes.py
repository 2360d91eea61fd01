"""What can be asked of the vendor at no cost, and what the catalogue says the answer is.

A probe is a request that the gate lets through, and a rule: a table of `errors.toml`, a key of `service.toml`, or a
word for what stands in neither. Most submissions are refused for two reasons, so that nothing starts if one of them
does not hold any more; the first in the vendor's order is the one that is asked for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from fakescope.catalog import Catalog
from fakescope.catalog.spec import ModelSpec, Refusal
from fakescope_contracts.target import Request

__all__ = ["UNPROBED", "Probe", "probes", "unprobed"]

NOBODYS_TASK = "00000000-0000-4000-8000-000000000000"
NOBODYS_MODEL = "fakescope-no-such-model"
_KEYS = {"gateway": ("code", "message", "request_id"), "service": ("request_id", "code", "message")}


class Probe(NamedTuple):
    """A request, and what the rule says of the answer: its status, its keys in order (if any are given), and values.

    `slots` is what stands in the places of the rule's text, such as {method}. `key` is the value that the rule of
    `service.toml` is.
    """

    file: str
    rule: str
    basis: str
    request: Request
    account: str | None
    status: int
    values: Mapping[str, object]
    keys: tuple[str, ...] = ()
    slots: Mapping[str, str] = {}
    key: str = ""


def probes(catalog: Catalog, region: str) -> Iterator[Probe]:
    """Every probe that there is in a region, in the order of asking."""
    size, most = catalog.service.page_size_default, catalog.service.page_size_most
    page, large = {"page_no": 1, "page_size": size}, {"page_size": most}
    file, key = "service.toml", "page_size"
    yield Probe(file, "tasks.page_size_default", "documented", _get("tasks"), "a", 200, page, key=key)
    yield Probe(file, "tasks.page_size_most", "inferred", _get(f"tasks?page_size={most}"), "a", 200, large, key=key)
    unknown = {"output": {"task_id": NOBODYS_TASK, "task_status": "UNKNOWN"}}
    yield Probe("", "tasks.unknown", "seen", _get(f"tasks/{NOBODYS_TASK}"), "a", 200, unknown)

    def refused(name: str, request: Request, account: str | None = "a", **slots: str) -> Probe:
        row = catalog.refusal(name)
        values = {"code": row.code, "message": _filled(row, slots)}
        keys = _KEYS[row.envelope]
        rule = f"refusal.{name}"
        return Probe("errors.toml", rule, row.basis, request, account, row.status, values, keys, slots)

    yield refused("no_api_key", _get(f"tasks/{NOBODYS_TASK}"), None)
    wrong_key = (("Authorization", "Bearer sk-fake-invalid"),)
    yield refused("invalid_api_key", _get(f"tasks/{NOBODYS_TASK}", wrong_key), None)
    yield refused("cancel_refused", Request("POST", f"/api/v1/tasks/{NOBODYS_TASK}/cancel"))
    yield refused("list_parameter", _get("tasks?page_no=0"), field="page_no")
    yield refused("path_unknown", _get(NOBODYS_MODEL))
    nowhere = f"/api/v1/services/aigc/{NOBODYS_MODEL}/nowhere"
    yield refused("service_unknown", _post(nowhere, {}), resource=nowhere.lstrip("/"))

    film, elsewhere, at_once = models_for(catalog, region)
    if film is not None:
        yield refused("method_not_supported", Request("GET", film.path), method="GET")
        yield refused("body_invalid", _post(film.path, b"{", asynchronous=True))
        yield refused("model_missing", _post(film.path, {"input": {}}, asynchronous=True))
        body = {"model": NOBODYS_MODEL, "input": {"prompt": "a cat"}}
        yield refused("model_not_exist", _post(film.path, body, asynchronous=True))
        yield refused("no_synchronous_calls", _post(film.path, {"model": film.name}))
        yield refused("input_missing", _post(film.path, {"model": film.name}, asynchronous=True))
    if film is not None and elsewhere:
        yield refused("url_error", _post(elsewhere, {"model": film.name}))
    if at_once is not None:
        yield refused("no_asynchronous_calls", _post(at_once.path, {"model": at_once.name}, asynchronous=True))


def models_for(catalog: Catalog, region: str) -> tuple[ModelSpec | None, str, ModelSpec | None]:
    """A film's model of a region, a path of other films, and a model that only answers at once."""
    here = [spec for spec in catalog.specs() if region in spec.regions]
    films = [spec for spec in here if spec.mode == "async" and spec.media.file == "mp4"]
    film = next((spec for spec in films if "t2v" in spec.name), None) or next(iter(films), None)
    others = [spec.path for spec in catalog.specs() if spec.mode == "async" and spec.media.file == "mp4"]
    elsewhere = next((path for path in others if film is not None and path != film.path), "")
    return film, elsewhere, next((spec for spec in here if spec.mode == "sync"), None)


UNPROBED = {
    "body_too_large": "megabytes would have to be sent",
    "string_too_long": "megabytes would have to be sent",
    "rate_quota": "more would have to be asked than is polite",
    "input_not_object": "it is not sure that nothing would start",
    "parameters_missing": "it is not sure that nothing would start",
    "parameters_not_object": "it is not sure that nothing would start",
}
"""Refusals that are not asked for, and why. Those of test keys hang on the account."""


def unprobed(catalog: Catalog, region: str) -> Iterator[tuple[str, str, str]]:
    """Rules of `errors.toml` that no probe asks for: name, basis, and why."""
    asked = {probe.rule for probe in probes(catalog, region)}
    of_accounts = {test.refusal for test in catalog.service.test_keys}
    for name, row in catalog.refusals.items():
        if f"refusal.{name}" not in asked:
            why = (
                "it hangs on the account" if name in of_accounts else UNPROBED.get(name, "no such model in the region")
            )
            yield f"refusal.{name}", row.basis, why
    for name, problem in catalog.problems.items():
        yield f"problem.{name}", problem.basis, "a submission that is wrong in a field may be billed"
    for name, failure in catalog.failures.items():
        yield f"failure.{name}", failure.basis, "a task would have to be started"
    yield "blocked", catalog.blocked.basis, "a task would have to be started"


def _filled(row: Refusal, slots: Mapping[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda place: slots.get(place[1], place[0]), row.message)


def _get(path: str, headers: tuple[tuple[str, str], ...] = ()) -> Request:
    return Request("GET", f"/api/v1/{path}", headers)


def _post(path: str, body: object, *, asynchronous: bool = False) -> Request:
    headers = (("Content-Type", "application/json"), ("X-DashScope-Async", "enable"))
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Request("POST", path, headers if asynchronous else headers[:1], raw)
