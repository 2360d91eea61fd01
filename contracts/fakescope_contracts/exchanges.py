"""Contracts about single requests: paths, methods and keys, whatever the model.

Expected values are those of the vendor's documents and captures, as the catalogue's data has them.
"""

from __future__ import annotations

import json

from hypothesis import strategies as st

from fakescope.catalog.spec import ModelSpec
from fakescope_contracts.boundaries import smallest_body
from fakescope_contracts.conversation import NO_TASK, Conversation, Reply
from fakescope_contracts.registry import Draw, contract

TASKS = "/api/v1/tasks"

_words = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=12)


# -- paths and methods


@contract("paths.slash", "Each path is served with and without a final slash, and never redirects", basis="documented")
def both_slash_forms_are_served(talk: Conversation, spec: ModelSpec, draw: Draw) -> None:
    slash = draw(st.sampled_from(["/", ""]))
    made = talk.submit(spec, smallest_body(spec), path=spec.path.rstrip("/") + slash).has_status(200)
    talk.send("GET", f"{TASKS}{slash}").has_status(200)
    task_id = talk.task_of(made) if spec.mode == "async" else NO_TASK
    talk.send("GET", f"{TASKS}/{task_id}{slash}").has_status(200).has("output.task_id", task_id)
    cancelled = talk.send("POST", f"{TASKS}/{task_id}/cancel{slash}").has_status(200, 400)
    if cancelled.status_code == 400:
        cancelled.is_refused("cancel_refused")


@contract(
    "paths.double-slash",
    "A doubled slash, as a base address with a final slash makes it, does no harm",
    basis="inferred",
)
def a_doubled_slash_does_no_harm(talk: Conversation, spec: ModelSpec, draw: Draw) -> None:
    path = draw(st.sampled_from([f"{TASKS}/{NO_TASK}", TASKS]))
    talk.send("GET", path.replace("/api/v1", "/api/v1/")).has_status(200)
    made = talk.submit(spec, smallest_body(spec), path=spec.path.replace("/api/v1", "/api/v1/"))
    made.has_status(200)


@contract("paths.unknown", "A path that is not there is 404 NotFound", basis="documented", costs=False)
def unknown_paths_are_not_found(talk: Conversation, spec: ModelSpec, draw: Draw) -> None:  # noqa: ARG001
    place = draw(st.sampled_from(["/api/v1/services/aigc/", "/api/v1/", "/api/v1/services/"]))
    path = f"{place}fakescope-{draw(_words)}"
    talk.send(draw(st.sampled_from(["POST", "GET"])), path).has_status(404).has("code", "NotFound")


@contract("methods.wrong", "A wrong method is 400, not 405, with or without a key", basis="seen", costs=False)
def a_wrong_method_is_refused(talk: Conversation, spec: ModelSpec, draw: Draw) -> None:
    path, methods = draw(
        st.sampled_from(
            [
                (spec.path, ("GET", "PUT", "DELETE", "PATCH")),
                (TASKS, ("POST", "PUT", "DELETE", "PATCH")),
                (f"{TASKS}/{NO_TASK}", ("POST", "PUT", "DELETE", "PATCH")),
                (f"{TASKS}/{NO_TASK}/cancel", ("GET", "PUT", "DELETE", "PATCH")),
            ]
        )
    )
    method = draw(st.sampled_from(methods))
    reply = talk.send(method, path, account=draw(st.sampled_from(["a", None])))
    reply.is_refused("method_not_supported", method=method)


# -- keys


@contract(
    "keys.missing",
    "Without a key, or with something else in its place, everything is 401 InvalidApiKey",
    basis="documented",
    costs=False,
)
def without_a_key_nothing_goes(talk: Conversation, spec: ModelSpec, draw: Draw) -> None:
    given = draw(st.sampled_from([None, "", "Bearer", "Basic YTpi"]))
    headers = {} if given is None else {"Authorization": given}
    _ask_anything(talk, spec, draw, headers).has_status(401).has("code", "InvalidApiKey")


@contract(
    "keys.wrong",
    "With a wrong key everything is 401 InvalidApiKey, whatever else is wrong",
    basis="seen",
    needs={"invalid_key"},
    costs=False,
)
def a_wrong_key_is_refused(talk: Conversation, spec: ModelSpec, draw: Draw) -> None:
    _ask_anything(talk, spec, draw, {"Authorization": "Bearer sk-fake-invalid"}).is_refused("invalid_api_key")


def _ask_anything(talk: Conversation, spec: ModelSpec, draw: Draw, headers: dict[str, str]) -> Reply:
    """One request with these headers and no key of an account: also one that would be refused for other reasons."""
    submit = {"Content-Type": "application/json", "X-DashScope-Async": "enable", **headers}
    good = json.dumps(smallest_body(spec)).encode()
    method, path, body = draw(
        st.sampled_from(
            [
                ("GET", f"{TASKS}/{NO_TASK}", b""),
                ("GET", TASKS, b""),
                ("POST", f"{TASKS}/{NO_TASK}/cancel", b""),
                ("POST", spec.path, good),
                ("POST", spec.path, b"{"),
                ("POST", spec.path, b'{"model": "no-such-model", "input": {}}'),
            ]
        )
    )
    return talk.send(method, path, body=body, headers=submit if method == "POST" else headers, account=None)


@contract(
    "keys.refused",
    "Each test key is refused with the vendor's status and code",
    basis="documented",
    needs={"failures"},
    costs=False,
)
def test_keys_are_refused(talk: Conversation, spec: ModelSpec, draw: Draw) -> None:
    key = draw(st.sampled_from(talk.catalog.service.test_keys))
    reply = talk.submit(
        spec,
        smallest_body(spec),
        account=None,
        headers={"Authorization": f"Bearer {key.key}{draw(st.sampled_from(['', '-x']))}"},
    )
    reply.is_refused(key.refusal)
