"""Values for the formats that the document names: what they are stands in it, under `x-fakescope-formats`."""

import json
import os
from pathlib import Path

import schemathesis
from hypothesis import strategies as st

document = json.loads(Path(os.environ["FAKESCOPE_DOCUMENT"]).read_text("utf-8"))
for name, about in document["x-fakescope-formats"].items():
    schemathesis.openapi.format(name, st.sampled_from(about["examples"]))
