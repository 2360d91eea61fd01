"""Targets to try the contracts on."""
