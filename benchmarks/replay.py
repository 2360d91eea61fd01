"""What a replay costs beside the simulator: the same lifecycles, in turn, over sockets."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.load import SUBMIT_PATH, body, lifecycles
from benchmarks.report import Row, rounds
from benchmarks.servers import OURS, running
from fakescope.recording.exchange import Cassette, Exchange, Provenance, Request, Response
from fakescope.recording.files import save

__all__ = ["replay"]

_LIFECYCLES = 2_500
_POLLS = 3
_VENDOR = "https://dashscope.aliyuncs.com"
_PROMPT = "A heron stands in the shallows at dawn while mist drifts over the water and the town wakes up. " * 3
_ID = "7d1c53f0-9a2b-4c6e-8f10-2b3c4d5e6f01"


def replay(count: int) -> Iterator[Row]:
    """10,000 requests of each in every round: 2,500 submissions of 600 bytes, each with three polls."""
    found: tuple[list[float], list[float]] = [], []
    with _folder() as folder:
        replaying = [*OURS[:3], "replay", folder, "--log", "off", "--port"]
        for number in rounds(count, "replay"):
            with running(replaying, _PROMPT) as one, running(OURS, _PROMPT) as other:
                for i in (0, 1) if number % 2 else (1, 0):  # who comes first takes turns
                    seconds = lifecycles((one, other)[i].port, _LIFECYCLES, polls=_POLLS, mark=_PROMPT)
                    found[i].append(seconds * 1e6 / (_LIFECYCLES * (1 + _POLLS)))
    yield Row("us per request of a replay (against: the simulator)", *found, most=1.3)


@contextmanager
def _folder() -> Iterator[str]:
    """A folder with one recorded task of five minutes, as the load asks for it."""
    json_type = (("Content-Type", "application/json"),)

    def standing(status: str, **more: str) -> Response:
        times = {"submit_time": "2026-02-09 09:20:00.000", "scheduled_time": "2026-02-09 09:20:02.000"}
        output = {"task_id": _ID, "task_status": status, **times, **more}
        return Response(200, json_type, json.dumps({"request_id": _ID[::-1], "output": output}).encode())

    headers = (("X-DashScope-Async", "enable"), *json_type)
    submission = Request("POST", _VENDOR + SUBMIT_PATH, headers, json.dumps(body(_PROMPT)).encode())
    poll = Request("GET", f"{_VENDOR}/api/v1/tasks/{_ID}")
    link = "https://dashscope-result-bj.oss-cn-beijing.aliyuncs.com/1d/film.mp4?Expires=1770686400&Signature=redacted"
    exchanges = [Exchange(submission, standing("PENDING"), 0)]
    exchanges += [Exchange(poll, standing("RUNNING"), at_s * 1000) for at_s in range(15, 300, 15)]
    exchanges.append(Exchange(poll, standing("SUCCEEDED", video_url=link, orig_prompt="x" * 300), 300_000))
    provenance = Provenance("simulated", "2026-02-09", "benchmarks", {"fakescope": "0"})
    with tempfile.TemporaryDirectory() as folder:
        save(Cassette(provenance, tuple(exchanges), "film"), Path(folder) / "film.yaml")
        yield folder
