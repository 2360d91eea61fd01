"""The control API, under /_fakescope/."""
