"""The checks before any field, in the vendor's order: the first that fails is the answer.

Source: logs of the live service; the order is inferred from pairs that were seen, such as endpoint before any field.
Method, key and JSON come earlier, where bytes are read (`wire`); the rate comes right after (`admission`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from difflib import SequenceMatcher, get_close_matches
from reprlib import repr as shortened  # a body may be nested more deeply than repr can follow

from fakescope.catalog.rules import Assets
from fakescope.catalog.spec import ModelSpec
from fakescope.engine.task import Account, Draft
from fakescope.engine.vendor_error import VendorError

__all__ = ["CHECKS", "check", "is_synchronous", "kin", "model_of", "most_like", "nearest", "newest_like"]


_DATE, _VERSION = r"-?\d{4}-\d\d-\d\d", r"\d+\.\d+|(?<=-v)\d+|(?<=gen)\d+"  # in the name of a model


def model_of(draft: Draft) -> str:
    """The model a draft names. A body that is no object, or names none, is refused."""
    body = draft.body
    if not isinstance(body, dict):
        raise VendorError("body_invalid", "The body must be a JSON object with model, input and parameters.")
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise VendorError(
            "model_missing",
            f"model must be the name of a model, as `fakescope models` lists them; got {shortened(model)}.",
        )
    return model


def check(spec: ModelSpec | None, account: Account, draft: Draft, names: Iterable[str]) -> ModelSpec:
    """The spec, if the vendor would let this draft through to the model. Raises VendorError otherwise."""
    if spec is None or account.region not in spec.regions:
        raise _no_such_model(spec, account, draft, names)
    for _, wrong in CHECKS:
        if refusal := wrong(spec, account, draft):
            raise refusal
    return spec


def nearest(given: str, known: Iterable[str]) -> str:
    """A sentence that offers the nearest known name, or nothing."""
    found = most_like(given, known)
    return f" Did you mean {found}?" if found else ""


def most_like(given: str, known: Iterable[str]) -> str:
    """The known name that is most similar, the newest of equals, or nothing if none is."""
    found = get_close_matches(given[:80], sorted(known, reverse=True), n=1, cutoff=0.5)
    return found[0] if found else ""


def kin(given: str, known: Iterable[str]) -> str:
    """The known name that is most similar where versions do not count, or nothing if none is.

    A new version of a model for pictures is more like the last one than like a film model of the same version.
    """
    of_stem: dict[str, list[str]] = {}
    for name in known:
        of_stem.setdefault(_stem(name), []).append(name)
    stem = most_like(_stem(given[:80]), of_stem)
    return max(of_stem[stem], key=lambda name: (_similarity(given[:80], name), name)) if stem else ""


def newest_like(given: str, like: ModelSpec, family: Iterable[ModelSpec]) -> ModelSpec:
    """The newest model of the family that takes the same requests as `like`; of equals the most similar to `given`.

    Newer is a higher version in the name, then a later date in it, then being in more regions.
    """
    peers = [spec for spec in family if _requests(spec) == _requests(like)]
    return max(peers, key=lambda spec: (*_age(spec.name), len(spec.regions), _similarity(given, spec.name)))


def _requests(spec: ModelSpec) -> tuple[object, ...]:
    """What a request has to be: where it goes, what it must have in its input, and files of which types."""
    needs = [field.path for field in spec.fields if field.required and field.path.startswith("input.")]
    types = [(field.path, *field.rule.types) for field in spec.fields if isinstance(field.rule, Assets)]
    return spec.path, spec.sync_path, spec.mode, needs, types


def _age(name: str) -> tuple[list[int], str]:
    """Version and date in a name: `[2, 7]` and `2026-04-25`."""
    date, version = re.search(_DATE, name), re.search(_VERSION, name)
    return [int(part) for part in version[0].split(".")] if version else [], date[0] if date else ""


def _stem(name: str) -> str:
    return re.sub(f"{_DATE}|{_VERSION}", "", name)


def _similarity(given: str, name: str) -> float:
    return SequenceMatcher(None, given, name).ratio()


def _no_such_model(spec: ModelSpec | None, account: Account, draft: Draft, names: Iterable[str]) -> VendorError:
    model = model_of(draft)
    if spec is None:
        return VendorError("model_not_exist", f"{model[:80]!r} is not a known model.{nearest(model[:80], names)}")
    return VendorError(
        "model_not_exist",
        f"{model} exists in {', '.join(spec.regions)}, not in {account.region}: use a key and host of that region.",
    )


def _entitlement(_spec: ModelSpec, account: Account, _draft: Draft) -> VendorError | None:
    if account.refusal is None:
        return None
    return VendorError(account.refusal, "This is a test key that is always refused; any other key works.")


def _endpoint(spec: ModelSpec, _account: Account, draft: Draft) -> VendorError | None:
    if draft.path in (spec.path, spec.sync_path):
        return None
    where = " or ".join(filter(None, (spec.path, spec.sync_path)))
    return VendorError("url_error", f"{spec.name} is served at {where}.")


def is_synchronous(spec: ModelSpec, path: str) -> bool:
    """Whether this path of this model answers at once, without a task."""
    return spec.mode == "sync" or path == spec.sync_path


def _mode(spec: ModelSpec, _account: Account, draft: Draft) -> VendorError | None:
    synchronous = is_synchronous(spec, draft.path)
    if not synchronous and not draft.asynchronous:
        return VendorError("no_synchronous_calls", "Send the header X-DashScope-Async: enable.")
    if synchronous and draft.asynchronous:
        return VendorError("no_asynchronous_calls", "Leave out the header X-DashScope-Async.")
    return None


def _envelope(spec: ModelSpec, _account: Account, draft: Draft) -> VendorError | None:
    body = draft.body
    assert isinstance(body, dict)
    if not isinstance(body.get("input"), dict):
        if body.get("input") is None:
            return VendorError("input_missing", 'The body needs "input": {…}.')
        return VendorError("input_not_object", f"input must be an object; got {shortened(body['input'])}.")
    if spec.needs_parameters and body.get("parameters") is None:
        return VendorError("parameters_missing", f'{spec.name} needs "parameters": {{…}}.')
    if not isinstance(body.get("parameters", {}), dict | None):
        return VendorError(
            "parameters_not_object", f"parameters must be an object; got {shortened(body['parameters'])}."
        )
    return None


Check = Callable[[ModelSpec, Account, Draft], VendorError | None]

CHECKS: tuple[tuple[str, Check], ...] = (
    ("entitlement", _entitlement),
    ("endpoint", _endpoint),
    ("mode", _mode),
    ("envelope", _envelope),
)
"""After "exists in this region", which decides whether there is a spec at all."""
