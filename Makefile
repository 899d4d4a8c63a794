# Accord. `make demo` and `make test` work on a fresh clone with nothing but Python 3.11 and make.
PYTHON ?= python3.11
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check -q
export FLWR_TELEMETRY_ENABLED := 0
export FLWR_DISABLE_UPDATE_CHECK := 1

.PHONY: demo test check dev bench docs clean

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "Accord needs $(PYTHON): install it, or name another with make PYTHON=..."; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install -c constraints.txt -e '.[demo]'
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install -c constraints.txt -e '.[demo,dev]'
	@touch $@ $(VENV)/.run

demo: $(VENV)/.run  ## the whole story on real data, in minutes
	$(BIN)/accord demo

check: $(VENV)/.dev  ## style, types, layers, spelling
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/codespell

test: check  ## everything: checks, then the whole suite
	$(BIN)/pytest -n 2 --dist loadfile

clean:
	rm -rf var build dist *.egg-info
