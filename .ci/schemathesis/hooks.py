"""What a schema cannot say of a right value, for Schemathesis to make right ones.

The formats of our own stand in the document, under `x-fakescope-formats`. Boxes are [left, top, right, bottom].
"""

import json
import os
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import strategies as st

document = json.loads(Path(os.environ["FAKESCOPE_DOCUMENT"]).read_text("utf-8"))
for name, about in document["x-fakescope-formats"].items():
    schemathesis.openapi.format(name, st.sampled_from(about["examples"]))


@schemathesis.hook
def map_body(context: Any, body: Any) -> Any:  # noqa: ARG001
    """The body with left before right and top before bottom in every list of four whole numbers."""
    if isinstance(body, dict):
        return {key: map_body(None, value) for key, value in body.items()}
    if not isinstance(body, list):
        return body
    if len(body) == 4 and all(type(side) is int or (type(side) is float and side.is_integer()) for side in body):
        (left, right), (top, bottom) = sorted(body[::2]), sorted(body[1::2])
        return [left, top, right + (left == right), bottom + (top == bottom)]
    return [map_body(None, value) for value in body]
