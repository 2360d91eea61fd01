"""What is inside a cassette, for people and for programs: whose it is, which tasks it has, how they went."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from fakescope.recording.exchange import Cassette
from fakescope.recording.json_bodies import object_of, output_of
from fakescope.recording.media import media_of

__all__ = ["summary"]

_TASK = re.compile(r"/tasks/([^/?#]+)/?(?:\?|$)")


def summary(cassette: Cassette, path: Path) -> dict[str, Any]:
    """Provenance, size in bytes, counts, and per task: model, states with the second each was first seen at, prompt.

    Seconds are since the task was submitted, or first asked for if its submission is not in the recording. `asked`
    counts the polls.
    """
    tasks: dict[str, dict[str, Any]] = {}
    others = media = 0
    for request, response, at_ms in cassette.exchanges:
        found = media_of(response)
        media += found is not None
        output = output_of(response.body) if found is None else {}
        asked = _TASK.search(request.url)
        task_id = str(output.get("task_id") or (asked[1] if asked else ""))
        if not task_id or not (asked or request.method == "POST"):
            others += 1
            continue
        task = tasks.setdefault(task_id, _new(task_id, at_ms))
        if asked:
            task["asked"] += 1
        else:
            _describe(task, object_of(request.body))
        state = str(output.get("task_status") or object_of(response.body).get("code") or f"HTTP {response.status}")
        if not task["states"] or task["states"][-1]["state"] != state:
            task["states"].append({"state": state, "at_s": round((at_ms - task["began_ms"]) / 1000, 3)})
        if output.get("code"):
            task["code"] = str(output["code"])
    provenance = cassette.provenance
    last = max((exchange.at_ms for exchange in cassette.exchanges), default=0)
    return {
        "file": str(path),
        "basis": provenance.basis,
        "recorded": provenance.recorded,
        "client": provenance.client,
        "versions": dict(provenance.versions),
        "bytes": path.stat().st_size,
        "exchanges": len(cassette.exchanges),
        "seconds": round(last / 1000, 3),
        "other_exchanges": others - media,
        "media": media,
        "models": sorted({task["model"] for task in tasks.values() if task["model"]}),
        "tasks": [{key: value for key, value in task.items() if key != "began_ms"} for task in tasks.values()],
    }


def _new(task_id: str, at_ms: int) -> dict[str, Any]:
    return {"task_id": task_id, "model": "", "prompt": "", "asked": 0, "states": [], "code": "", "began_ms": at_ms}


def _describe(task: dict[str, Any], body: dict[str, Any]) -> None:
    sent = body.get("input")
    task["model"] = str(body.get("model") or "")
    task["prompt"] = str(sent.get("prompt") or "")[:200] if isinstance(sent, dict) else ""
