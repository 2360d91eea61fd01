"""Marks that make the simulator do what no request shows: what is behind a link, what content says, luck."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fakescope.catalog.spec import Failure

__all__ = ["failure_marks", "marked", "success_marks"]


def failure_marks(said: dict[str, Any], failures: Mapping[str, Failure]) -> list[str]:
    """The mark for a failure with this code and message that is known to come of what no request shows.

    A wrong parameter is in the request, unless the text says that a file was meant.
    """
    code, message = said.get("code"), said.get("message")
    names = [name for name, one in failures.items() if (one.code, one.message) == (code, message)]
    if code != "InvalidParameter":
        names += [name for name, one in failures.items() if one.code == code]
    return [f"[fakescope:fail={name}]" for name in names[:1]]


def success_marks(output: dict[str, Any]) -> list[str]:
    """Marks for a success that is not whole: some results blocked, or a detection that found nothing."""
    results = output.get("results")
    if isinstance(results, list) and any(isinstance(one, dict) and "code" in one for one in results):
        kept = sum(isinstance(one, dict) and "code" not in one for one in results)
        return [f"[fakescope:partial={kept}]"] if kept else []
    passed = output.get("check_pass", output.get("pass"))
    return ["[fakescope:reject]"] if passed is False or ("code" in output and "task_id" not in output) else []


def marked(body: Any, mark: str) -> Any:
    """The request with a mark in its prompt, or else behind its first address."""
    given = body.get("input") if isinstance(body, dict) else None
    if not isinstance(given, dict):
        return body
    if isinstance(given.get("prompt"), str):
        return body | {"input": given | {"prompt": mark + given["prompt"]}}
    done = False

    def with_mark(value: Any) -> Any:
        nonlocal done
        if isinstance(value, dict):
            return {key: with_mark(part) for key, part in value.items()}
        if isinstance(value, list):
            return [with_mark(part) for part in value]
        if isinstance(value, str) and not done and value.startswith(("http://", "https://")):
            done = True
            return f"{value}#{mark}"
        return value

    return body | {"input": with_mark(given)}
