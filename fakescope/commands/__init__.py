"""Commands that are loaded when they are asked for; `fakescope.cli` says which is where."""
