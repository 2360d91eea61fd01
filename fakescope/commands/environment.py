"""The environment that points a client here: one table, printed by `fakescope env`, given to a command by others."""

from __future__ import annotations

import re
from collections.abc import Mapping

__all__ = ["in_url", "pointing_at"]


def in_url(host: str) -> str:
    """A host as an address has it: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


def pointing_at(host: str, port: int, key: str, environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that lead the SDKs to this host and port with this key, and past the proxies of `environ`."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # all addresses is none to call
    base = f"http://{in_url(host)}:{port}"
    both = f"{environ.get('no_proxy', '')},{environ.get('NO_PROXY', '')}"
    known = filter(None, re.sub(r"[^\w.:/*,-]", "", both, flags=re.ASCII).split(","))
    direct = ",".join(dict.fromkeys([*known, host, "localhost"]))
    return {
        "DASHSCOPE_HTTP_BASE_URL": f"{base}/api/v1",
        "DASHSCOPE_BASE_URL": f"{base}/api/v1",
        # Not simulated, but pointed here all the same, so that nothing reaches the paid service by accident.
        "DASHSCOPE_COMPATIBLE_BASE_URL": f"{base}/compatible-mode/v1",
        "DASHSCOPE_WEBSOCKET_BASE_URL": f"{base.replace('http', 'ws', 1)}/api-ws/v1/inference",
        "DASHSCOPE_API_KEY": key,
        # The SDK sends requests to 127.0.0.1 through a proxy, too, unless it is told not to.
        "NO_PROXY": direct,
        "no_proxy": direct,  # wins where it is set
    }
