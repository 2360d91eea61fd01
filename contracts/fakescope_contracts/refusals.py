"""Contracts about what is refused before the fields of a model are looked at: endpoint, mode, name, envelope."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from fakescope.catalog.spec import ModelSpec
from fakescope_contracts.boundaries import smallest_body
from fakescope_contracts.conversation import Conversation, Reply
from fakescope_contracts.registry import Asked, Draw, contract


@contract(
    "submissions.mode",
    "A model that makes tasks refuses calls without X-DashScope-Async, one that does not refuses calls with it",
    basis="seen",
    per="model",
    costs=False,
)
def the_header_decides_on_the_mode(talk: Conversation, spec: ModelSpec, draw: Draw) -> None:
    body = draw(st.sampled_from([{"model": spec.name, "input": {}}, smallest_body(spec)]))
    if spec.mode == "sync":
        talk.submit(spec, body, headers={"X-DashScope-Async": "enable"}).is_refused("no_asynchronous_calls")
    else:
        talk.submit(spec, body, headers={"X-DashScope-Async": ""}).is_refused("no_synchronous_calls")


@contract(
    "submissions.mode-word",
    "X-DashScope-Async makes a task if it says enable, and with any other word is as if it were not there",
    basis="inferred",
    per="model",
    applies=lambda spec: "it answers at once" if spec.mode == "sync" else "",
)
def only_one_word_makes_a_task(talk: Conversation, spec: ModelSpec, draw: Draw) -> None:
    word = draw(st.sampled_from(["disable", "false", "0", "enabled"]))
    talk.submit(spec, smallest_body(spec), headers={"X-DashScope-Async": word}).is_refused("no_synchronous_calls")


@contract(
    "submissions.endpoint",
    "A model is refused at any endpoint but its own, before a look at its fields",
    basis="seen",
    per="model",
    costs=False,
)
def other_endpoints_refuse_the_model(talk: Conversation, spec: ModelSpec, draw: Draw) -> None:
    others = [path for path in talk.catalog.paths if path not in (spec.path, spec.sync_path)]
    body = draw(st.sampled_from([{"model": spec.name, "input": {}}, smallest_body(spec)]))
    talk.submit(spec, body, path=draw(st.sampled_from(others))).is_refused("url_error")


@contract(
    "submissions.no-such-model",
    "A model that is not there is InvalidParameter, Model not exist.",
    basis="seen",
    costs=False,
)
def unknown_models_are_refused(talk: Conversation, spec: ModelSpec, draw: Draw) -> None:
    name = draw(st.sampled_from([f"{spec.name}-x", f"x{spec.name}", "no-such-model"]) | st.text(min_size=1, max_size=9))
    if name in talk.catalog.names:
        return
    reply = talk.submit(spec, smallest_body(spec) | {"model": name})
    # Seen with 404, and with 400 where the name exists in another region.
    reply.has_status(404, 400).has("code", "InvalidParameter").has("message", "Model not exist.")


def _recorded_envelope(asked: Asked, reply: Reply) -> bool:
    """Only of one mistake at a time, and not where the key, the rate or the account is refused first."""
    body = asked.body
    if asked.kind != "submit" or not isinstance(body, dict) or reply.status_code not in (200, 400):
        return False
    wrong = ["model_missing"] if body.get("model") is None else []
    if not isinstance(given := body.get("input"), dict):
        wrong.append("input_missing" if given is None else "input_not_object")
    if len(wrong) != 1 or (wrong != ["model_missing"] and asked.spec is None) or reply.at("code") == "Arrearage":
        return False
    reply.is_refused(wrong[0])
    return True


@contract(
    "submissions.envelope",
    "A body without model or input, or with one that is no object, is refused before its fields are looked at",
    basis="documented",
    per="model",
    costs=False,
    recorded=_recorded_envelope,
)
def the_envelope_is_checked(talk: Conversation, spec: ModelSpec, draw: Draw) -> None:
    body = smallest_body(spec)
    ways: list[tuple[str, dict[str, Any]]] = [
        ("model_missing", {"model": None}),
        ("input_missing", {"input": None}),
        ("input_not_object", {"input": draw(st.sampled_from(["text", [], 1, True, [{}]]))}),
    ]
    if spec.needs_parameters:
        ways.append(("parameters_missing", {"parameters": None}))
    refusal, change = draw(st.sampled_from(ways))
    left_out = {key: value for key, value in (body | change).items() if value is not None}
    talk.submit(spec, left_out).is_refused(refusal)


@contract(
    "submissions.parameters",
    "parameters that are no object are refused, and so are a model that is no name, and input that is null",
    basis="inferred",
    per="model",
    costs=False,
)
def other_values_in_their_places_are_refused(talk: Conversation, spec: ModelSpec, draw: Draw) -> None:
    names: list[Any] = [None, "", 1, [], {}]
    places: list[Any] = ["text", [], 1, True]
    ways = [
        *(("parameters_not_object", "parameters", given) for given in places),
        *(("model_missing", "model", given) for given in names),
        ("input_missing", "input", None),
    ]
    refusal, key, wrong = draw(st.sampled_from(ways))
    talk.submit(spec, smallest_body(spec) | {key: wrong}).is_refused(refusal)
