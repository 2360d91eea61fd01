# Two commands for a fresh machine with Python 3.11 or later, git and make:
#   make run     install, start the simulator, say how to point a client at it
#   make test    install, then everything a change must pass
# make contracts draws ten times as many examples of the contracts, and others in each run: for a night, or a doubt.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
WORKERS ?= 2

# The contracts in `make test` are always drawn from the same seed; `make test CONTRACT_SEED=1` draws others.
CONTRACT_SEED ?= 0
EXAMPLES ?= 1000
export CONTRACT_SEED

LOWEST := tests/admin tests/recording tests/wire tests/test_cli.py tests/test_server.py \
  $(addprefix tests/contracts/test_contract_,command.py runner.py slice.py) \
  --ignore=tests/recording/test_cassette_of_the_sdk.py

.PHONY: run test check coverage contracts format bench cassettes schemathesis lowest tools clean

run: $(VENV)/run.stamp
	@$(BIN)/fakescope serve $(ARGS)

test: $(VENV)/dev.stamp
	@$(MAKE) --no-print-directory check

# Cheapest first, so that a slip is seen in seconds.
check:
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	@echo "The contracts of this run are drawn from seed $(CONTRACT_SEED)"
	$(BIN)/pytest -n $(WORKERS)

# The same tests, traced: minutes more, and so not a part of `make test`. The floor is in pyproject.toml.
coverage: $(VENV)/dev.stamp
	$(BIN)/pytest -n $(WORKERS) --cov --cov-report=term

# A new seed each time, printed first and last; `make contracts ARGS="--seed 7 --only tasks"` is one again.
contracts: $(VENV)/dev.stamp
	$(BIN)/fakescope contract --app fakescope:create_app --max-examples $(EXAMPLES) $(ARGS)

format: $(VENV)/dev.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/dev.stamp
	$(BIN)/python -m benchmarks $(ARGS)

cassettes: $(VENV)/dev.stamp
	$(BIN)/python fixtures/make_cassettes.py $(ARGS)

# Schemathesis against a started simulator, by the simulator's own document. Minutes, and so not a part of `make test`.
schemathesis: $(VENV)/run.stamp $(VENV)-schemathesis/stamp
	@$(VENV)-schemathesis/bin/python .ci/schemathesis/run.py $(BIN)/fakescope $(ARGS)

# The lowest releases that pyproject.toml allows. The vendor's SDK wants newer ones, so its tests are not among these.
lowest: $(VENV)-lowest/stamp
	$(VENV)-lowest/bin/python -m pytest -n $(WORKERS) -c .ci/lowest/pytest.ini --rootdir=. $(LOWEST)

clean:
	rm -rf $(VENV) $(VENV)-schemathesis $(VENV)-lowest .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage .coverage.*

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "fakescope needs Python 3.11 or later: make PYTHON=python3.11 …" >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV) \
	  || { echo "python3 cannot make a virtual environment; on Debian: apt-get install python3-venv" >&2; exit 2; }

$(VENV)/run.stamp: pyproject.toml | $(VENV)/bin/python
	@echo "Installing fakescope into $(VENV) ..." >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/dev.stamp: pyproject.toml | $(VENV)/bin/python
	@echo "Installing fakescope and its test tools into $(VENV) ..." >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@command -v curl >/dev/null && command -v node >/dev/null || $(MAKE) --no-print-directory tools
	@touch $@ $(VENV)/run.stamp

# Some tests are run by curl and Node. Where neither is there and nobody may install them, these are skipped.
tools:
	@echo "Installing curl and Node for the tests ..." >&2
	@{ apt-get update -qq && apt-get install -y -qq --no-install-recommends curl nodejs; } >/dev/null 2>&1 \
	  || echo "curl and Node cannot be installed here: the tests that they run are skipped" >&2

# An environment of its own: it pins what we do not want pinned.
$(VENV)-schemathesis/stamp: .ci/schemathesis/requirements.txt
	@echo "Installing Schemathesis into $(VENV)-schemathesis ..." >&2
	@$(PYTHON) -m venv $(VENV)-schemathesis
	@$(VENV)-schemathesis/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

$(VENV)-lowest/stamp: .ci/lowest/requirements.txt
	@$(PYTHON) -m venv $(VENV)-lowest
	@$(VENV)-lowest/bin/python -m pip install --quiet --disable-pip-version-check -r $< -e '.[cassettes,contracts,openapi]'
	@touch $@
