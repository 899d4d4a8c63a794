# Accord. `make demo` and `make test` work on a fresh clone with nothing but Python 3.11 and make.
PYTHON ?= python3.11
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check -q install --no-compile -c constraints.txt
# What pip would compile on one core, on all of them; files that are no Python of this version are passed over.
COMPILE := $(BIN)/python -m compileall -qq -j 0 $(VENV)/lib || true
export FLWR_TELEMETRY_ENABLED := 0
# The suite starts hundreds of processes of ours: what was compiled for one is kept for the next.
export PYTHONDONTWRITEBYTECODE :=
export FLWR_DISABLE_UPDATE_CHECK := 1

.PHONY: demo test check types style dev up down topology departments telco-deployed withdrawal browser screens browser-tools bench docs faults planted peers compose matrix stock mutants million clean

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "Accord needs $(PYTHON): install it, or name another with make PYTHON=..."; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e '.[demo]'
	@$(COMPILE)
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e '.[demo,dev]'
	@$(COMPILE)
	@touch $@ $(VENV)/.run

demo: $(VENV)/.run  ## the whole story on real data, in minutes
	$(BIN)/accord demo

check: $(VENV)/.dev  ## style, types, layers, spelling
	@$(MAKE) --no-print-directory -j 2 types style

types: $(VENV)/.dev
	$(BIN)/mypy

style: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/codespell

dev: $(VENV)/.run  ## the member pages with a made-up family, on this machine only
	$(BIN)/accord serve --dev

up: $(VENV)/.dev  ## everything as processes on loopback with TLS, on PostgreSQL; DATA=telco for other members
	$(BIN)/accord up --data $(or $(DATA),journey) $(if $(DATABASE),--database $(DATABASE))

down:  ## stop exactly what `make up` started
	@$(BIN)/accord down

topology: $(VENV)/.dev  ## the whole installation as processes: trains through crashes, releases, scores, verifies, stops without a trace
	$(BIN)/pytest tests/consent_center/gate/real_processes.py tests/topology/whole.py tests/topology/released.py

departments: $(VENV)/.dev  ## three departments and a partner as processes: a released model with an exchange inside, two sites killed in it, a withdrawal
	$(BIN)/pytest -s tests/topology/departments.py

telco-deployed: $(VENV)/.dev  ## telco over real site processes against embedded, five runs each: prints both
	$(BIN)/python -m benchmarks telco-deployed

withdrawal: $(VENV)/.dev  ## how long a withdrawal in the portal takes to reach every site, in real processes
	$(BIN)/python -m benchmarks withdrawal

# What the browser tests need beyond Python: Chromium, Chinese fonts, axe-core. Does nothing where they are there.
AXE := axe-core@4.14.1
browser-tools:
	@if ! command -v chromium >/dev/null || ! fc-list :lang=zh 2>/dev/null | grep -q .; then \
	  AS=""; [ "$$(id -u)" = 0 ] || AS=sudo; \
	  if ! command -v apt-get >/dev/null || { [ -n "$$AS" ] && ! sudo -n true 2>/dev/null; }; then \
	    echo "The browser tests need Chromium and Noto CJK fonts: install them (Debian: chromium fonts-noto-cjk)"; exit 2; fi; \
	  $$AS apt-get update -qq && $$AS apt-get install -y -qq chromium fonts-noto-cjk fontconfig npm; fi
	@if [ ! -f node_modules/axe-core/axe.min.js ]; then \
	  command -v npm >/dev/null || { echo "The browser tests need npm, for $(AXE): install it"; exit 2; }; \
	  npm install --no-save --no-package-lock --no-audit --no-fund --silent $(AXE); fi

# Files by name: beside a folder that holds them pytest would leave them out.
browser: $(VENV)/.dev browser-tools  ## every page in every language, theme, width and database
	$(BIN)/pytest tests/browser/test_*.py tests/browser/stories_on_postgresql.py tests/browser/matrix.py \
	  tests/browser/console_matrix.py

screens: $(VENV)/.dev browser-tools  ## pictures of every page into var/screens
	$(BIN)/pytest tests/browser/screens.py tests/browser/console_screens.py

planted: $(VENV)/.dev  ## a planted unfair model is blocked, a fair one passes; price parity on real receipts
	$(BIN)/pytest tests/audits/planted.py tests/audits/prices.py tests/demo/story_synthetic.py

peers: $(BIN)/python  ## ask LensKit about the lists that our measures are tested on, in an environment of its own, with openmined-psi
	$(BIN)/python -m venv var/peers
	var/peers/bin/python -m pip --disable-pip-version-check -q install lenskit==2025.8.1
	-var/peers/bin/python -m pip --disable-pip-version-check -q install openmined-psi==2.0.6
	var/peers/bin/python tests/audit/fairness/peers.py tests/vectors/lists.json

compose: $(BIN)/python  ## hold compose.yaml against the published schema of the Compose specification
	$(BIN)/python -m venv var/schema
	var/schema/bin/python -m pip --disable-pip-version-check -q install check-jsonschema==0.39.0
	var/schema/bin/check-jsonschema --builtin-schema vendor.compose-spec compose.yaml

# One more try for a test that failed: browsers and killed processes share two cores here; a second failure stands.
# Chromium and the Python packages are fetched side by side.
test:  ## everything: checks, then the whole suite
	@$(MAKE) --no-print-directory -j 3 types style browser-tools
	$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder --reruns 1 -rR

stock: $(VENV)/.dev  ## the same apps under stock flower-superlink and flower-supernode: minutes
	$(BIN)/pytest tests/federated/flower/stock.py

faults: $(VENV)/.dev  ## kill, cut, fill, forge: minutes of it, each fault with a control that must fail
	$(BIN)/python -m faults

# The laws of consent with ten times the cases: minutes.
matrix: $(VENV)/.dev  ## workflows wholly on both databases; the laws of consent and the described interface, tried ten times as often
	$(BIN)/pytest -n 2 --dist loadfile --every-database tests/consent_center/workflows tests/consent_center/studies
	$(BIN)/pytest --hypothesis-profile=matrix tests/consent_center/consent tests/consent_center/storage/test_bits.py \
	  tests/consent_center/api/test_schema.py tests/consent_center/workflows/test_propagation.py

mutants: $(VENV)/.dev  ## bugs planted one at a time in the laws of consent: each must fail a test
	$(BIN)/pytest tests/consent_center/mutants.py

million: $(VENV)/.dev  ## an import of a million rows, killed three times on the way, on both databases
	$(BIN)/pytest tests/consent_center/api/million.py

clean:
	rm -rf var build dist *.egg-info
