"""The least that a uvicorn application can do: two headers and a fixed body, of about the size of the simulator's."""

from __future__ import annotations

import sys
from typing import Any

SUBMITTED = b'{"output":{"task_status":"PENDING","task_id":"%s"},"request_id":"%s"}' % (b"0" * 36, b"0" * 36)
POLLED = b'{"request_id":"%s","output":{"task_id":"%s","padding":"%s"}}' % (b"0" * 36, b"0" * 36, b"0" * 500)


def _answer(body: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    start = {"type": "http.response.start", "status": 200, "headers": headers}
    return start, {"type": "http.response.body", "body": body}


_ANSWERS = {"GET": _answer(POLLED), "POST": _answer(SUBMITTED)}


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Read what there is to read, and answer."""
    while scope["method"] == "POST" and (await receive()).get("more_body"):
        pass
    start, body = _ANSWERS[scope["method"]]
    await send(start)
    await send(body)


if __name__ == "__main__":  # python bare.py PORT: the leanest start that uvicorn has
    import uvicorn

    uvicorn.run(
        app,
        port=int(sys.argv[1]),
        http="httptools",
        loop="uvloop",
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
    )
