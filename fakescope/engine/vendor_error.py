"""A refusal that the vendor would give. Its status, code and text are in errors.toml, never here."""

from __future__ import annotations

from fakescope.engine.task import Problem

__all__ = ["VendorError"]


class VendorError(Exception):
    """Refuse the request: `name` is an entry under [refusal] in errors.toml, `details` fill its text.

    `hint` is for the person at the terminal: what is allowed, and the nearest valid value. A `problem` refused at
    submission brings its own code and text; it answers HTTP 400.
    """

    def __init__(self, name: str, hint: str = "", *, problem: Problem | None = None, **details: object) -> None:
        super().__init__(name)
        self.name, self.hint, self.problem, self.details = name, hint, problem, details
