"""Servers that are wrong on purpose, each in one small way: what the contracts have to notice.

A mutant wraps an application and needs nothing of its inside. To add one, write a small function in one of the modules
of this package, with one of these decorators, the contract that has to notice it, and a sentence that says what is
wrong; then write the table anew (`docs/contracts.md` says how). `MUTANTS` has them all.
"""

from __future__ import annotations

from fakescope_contracts.mutants import accounts, exchange, fields, lanes, life, lists, results, usage
from fakescope_contracts.mutants.wrapping import Answer, Call, Mutant, mutated, registered

__all__ = ["MODULES", "MUTANTS", "Answer", "Call", "Mutant", "mutated"]

MODULES = (accounts, exchange, fields, lanes, life, lists, results, usage)
"""Where they are written: what is not imported is not there."""

MUTANTS: dict[str, Mutant] = dict(sorted(registered().items()))
"""All of them, by name."""
