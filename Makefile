# The commands of this repository. CI (.ci/run) and pre-commit call these same targets.

PYTHON ?= python3
VENV ?= .venv
ALIBI_VENV ?= .venv-alibi
BENCH_VENV ?= .venv-bench
LOCK ?= requirements/lock.txt
TEST_EXTRAS ?= test
PYTEST_ARGS ?= -n 2 --dist loadfile
DEMO_ARGS ?=
BENCH_ARGS ?=

# Leave out of the output what TensorFlow can be told to leave out.
export TF_CPP_MIN_LOG_LEVEL ?= 3

BIN = $(VENV)/bin
# Wheels only: nothing that is installed needs a compiler.
PIP_INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary :all:
UV_COMPILE = $(BIN)/uv pip compile setup.cfg --quiet --upgrade --python-version 3.11 \
	--custom-compile-command "make lock"

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test lint format check test-lowest test-alibi bench bench-full lock build clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo "  PYTHON=$(PYTHON) makes the environment in VENV=$(VENV), the first time one is needed."

demo: $(VENV)/.installed  ## Install the package and run its demo (DEMO_ARGS="--output DIR")
	$(BIN)/keras-advxai demo $(DEMO_ARGS)

# All tests run in two parts, one after the other: what TensorFlow has once traced, it does not give back entirely, which
# comes to 20 GB by the end.
SECOND_PART = tests/explainers tests/models tests/kinds tests/test_contracts.py
ifeq ($(origin PYTEST_ARGS),file)
PARTS = "$(addprefix --ignore=,$(SECOND_PART))" "$(SECOND_PART)"
else
PARTS = ""
endif

test: $(VENV)/.installed-$(TEST_EXTRAS)  ## Run the tests (PYTEST_ARGS="-n 2 --dist loadfile")
	@status=0; for part in $(PARTS); do \
		echo "$(BIN)/python -m pytest $(PYTEST_ARGS) $$part"; \
		$(BIN)/python -m pytest $(PYTEST_ARGS) $$part || status=$$?; \
	done; exit $$status

lint: $(VENV)/.installed-dev  ## Check style, format and types, and change nothing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.installed-dev  ## Sort the imports, apply the safe fixes and format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

check: lint test  ## Everything that CI checks

test-lowest:  ## Run the tests on the lowest versions that setup.cfg allows (Python 3.11 or 3.12)
	$(MAKE) test VENV=.venv-lowest LOCK=requirements/lowest.txt

test-alibi:  ## Run the tests of what the alibi extra adds (Python 3.11 or 3.12)
	$(MAKE) test VENV=$(ALIBI_VENV) LOCK=requirements/alibi.txt TEST_EXTRAS=alibi,test PYTEST_ARGS="$(PYTEST_ARGS) tests/with_alibi"

bench:  ## Run the benchmarks briefly and print what they find (Python 3.11 or 3.12)
	$(MAKE) $(BENCH_VENV)/.installed-peers VENV=$(BENCH_VENV) LOCK=requirements/bench.txt
	$(MAKE) $(ALIBI_VENV)/.installed-alibi,test VENV=$(ALIBI_VENV) LOCK=requirements/alibi.txt
	$(BENCH_VENV)/bin/python -m benchmarks $(BENCH_ARGS)
	$(ALIBI_VENV)/bin/python -m benchmarks $(BENCH_ARGS)

bench-full:  ## Run the benchmarks in full and write benchmarks/results and docs/benchmarks.md
	$(MAKE) $(BENCH_VENV)/.installed-bench,autoattack,test VENV=$(BENCH_VENV) LOCK=requirements/bench.txt
	$(MAKE) bench BENCH_ARGS="--full $(BENCH_ARGS)"

lock: $(BIN)/pip  ## Resolve the files in requirements/ again, from the ranges in setup.cfg
	$(PIP_INSTALL) 'uv>=0.13,<0.14'
	$(UV_COMPILE) --extra dev --universal --fork-strategy fewest --output-file requirements/lock.txt
	$(UV_COMPILE) --extra test --resolution lowest-direct --output-file requirements/lowest.txt
	$(UV_COMPILE) --extra alibi --extra test --output-file requirements/alibi.txt
	$(UV_COMPILE) --extra bench --extra autoattack --extra test --universal --fork-strategy fewest --output-file requirements/bench.txt

build: $(VENV)/.installed-dev  ## Build the source distribution and the wheel into dist/
	$(BIN)/python -m build

clean:  ## Remove the environments, caches and build products of this folder
	rm -rf .venv .venv-lowest .venv-alibi .venv-bench build dist *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# One environment, and in it one stamp for each set of extras: installed again only when one of these files changes.
$(BIN)/pip:
	@$(PYTHON) -c 'import sys; v = sys.version_info; (3, 11) <= v < (3, 14) or sys.exit(f"Python 3.11, 3.12 or 3.13 is needed, and $(PYTHON) is {v[0]}.{v[1]}. Name another: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: setup.cfg pyproject.toml $(LOCK) | $(BIN)/pip
	@echo "Installing into $(VENV). TensorFlow is large: the first time takes a few minutes."
	$(PIP_INSTALL) -c $(LOCK) -e .
	@touch $@

$(VENV)/.installed-%: setup.cfg pyproject.toml $(LOCK) | $(BIN)/pip
	@echo "Installing into $(VENV). TensorFlow is large: the first time takes a few minutes."
	$(PIP_INSTALL) -c $(LOCK) -e '.[$*]'
	@touch $@

$(VENV)/.installed-peers: $(VENV)/.installed-bench,test requirements/bench-no-deps.txt
	$(PIP_INSTALL) --no-deps -r requirements/bench-no-deps.txt
	@touch $@
