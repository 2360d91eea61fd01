"""How fast, how small, how soon: `make bench` prints a table, most of it beside a bare uvicorn application."""
