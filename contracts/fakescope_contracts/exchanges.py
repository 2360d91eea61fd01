"""Contracts about single exchanges: envelopes, headers, paths, methods and bodies."""

from __future__ import annotations

from fakescope.catalog.spec import ModelSpec
from fakescope_contracts.conversation import Conversation
from fakescope_contracts.registry import Draw, contract
from fakescope_contracts.strategies import smallest_body


@contract("submit.answer", "A submission is answered with the id of a task, PENDING", basis="seen", per="model")
def submission_is_pending(talk: Conversation, spec: ModelSpec, draw: Draw) -> None:  # noqa: ARG001
    if spec.mode == "sync" or spec.references:
        return
    talk.task_of(talk.submit(spec, smallest_body(spec)))
