# Treefolio: two commands on a fresh machine with nothing but Python 3.11 or newer.
#
#   make run    set up, sweep the example strategy on the synthetic market, show the best rows and the report
#   make test   set up, pass every check and every test

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
JOBS   ?= 2

.PHONY: run test check bench soak docs clean

run: $(VENV)/.run
	$(BIN)/treefolio demo
	@echo "To use treefolio in this shell: source $(BIN)/activate"

test: check
	$(BIN)/python -m treefolio.sweep.warm
	$(BIN)/pytest -n $(JOBS) --dist worksteal

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.dev
	$(PIP) --group bench
	$(BIN)/python -m treefolio.sweep.warm
	$(BIN)/python benchmarks/sweep.py
	$(BIN)/python benchmarks/market.py
	$(BIN)/python benchmarks/service.py

# Does the service hold? A hundred kills, two minutes of traffic, a million combinations.
soak: $(VENV)/.dev
	$(BIN)/python -m treefolio.sweep.warm
	$(BIN)/python benchmarks/soak.py $(SOAK)

# Pages that are made from tables in the code.
docs: $(VENV)/.dev
	$(BIN)/python -m treefolio.indicators.docs > docs/indicators.md
	$(BIN)/python -m treefolio.metrics.docs > docs/metrics.md
	$(BIN)/python -m treefolio.service.docs > docs/settings.md

$(VENV)/.run: pyproject.toml constraints.txt
	@echo "Installing into $(VENV), which takes a minute or two …"
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) "pip>=25.1"
	$(PIP) hatchling editables
	$(PIP) --only-binary :all: --no-build-isolation -e .
	touch $@

$(VENV)/.dev: $(VENV)/.run
	$(PIP) --group dev
	touch $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .hypothesis .import_linter_cache out
