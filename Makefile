# The commands of this repository. CI (.ci/run) and pre-commit call these same targets.

PYTHON ?= python3
VENV ?= .venv
ALIBI_VENV ?= .venv-alibi
BENCH_VENV ?= .venv-bench
LOWEST_VENV ?= .venv-lowest
MIDDLE_VENV ?= .venv-middle
NIGHTLY_VENV ?= .venv-nightly
LOCK ?= requirements/lock.txt
TEST_EXTRAS ?= test
PYTEST_ARGS ?= -n 2 --dist loadfile
# TensorFlow's rewriting of graphs takes a third of the time: the targets that test other kernels, versions and packages
# leave this out and run graphs as users do.
TEST_ARGS ?= --unoptimized
DEMO_ARGS ?=
MUTANTS ?= build/mutants
MUTANTS_ARGS ?= --count 500
PAPER_ARGS ?=
BENCH_ARGS ?=

# Leave out of the output what TensorFlow can be told to leave out.
export TF_CPP_MIN_LOG_LEVEL ?= 3

BIN = $(VENV)/bin
# Wheels only: nothing that is installed needs a compiler.
PIP_INSTALL = $(BIN)/python -m pip install --disable-pip-version-check --only-binary :all:
UV_COMPILE = $(BIN)/uv pip compile setup.cfg --quiet --upgrade --python-version 3.11 \
	--custom-compile-command "make lock"

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test test-slow test-kernels lint format check test-lowest test-middle test-nightly test-alibi release-check bench bench-full same-numbers coverage mutants checks-document command-line-document paper notebooks remedies lock viewer screenshots build clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo "  PYTHON=$(PYTHON) makes the environment in VENV=$(VENV), the first time one is needed."

demo: $(VENV)/.installed  ## Install the package and run its demo (DEMO_ARGS="--output DIR")
	$(BIN)/keras-advxai demo $(DEMO_ARGS)

# Everything that a change is likely to break, in a time that one waits for. Named folders and options come last, so that
# PYTEST_ARGS="tests/ops -m slow" wins.
test: $(VENV)/.installed-$(TEST_EXTRAS)  ## Run the tests, but for the slow ones (PYTEST_ARGS="tests/ops -x")
	$(BIN)/python -m pytest -m "not slow" $(TEST_ARGS) $(PYTEST_ARGS)

test-slow: $(VENV)/.installed-$(TEST_EXTRAS)  ## Run the slow ones: all applications, long attacks, README, demo
	$(BIN)/python -m pytest -m slow $(TEST_ARGS) $(PYTEST_ARGS)

# What compares computations with one another, with the kernels of an older processor than this one. Without half
# precision: TensorFlow asks the processor for it, and not the kernels.
KERNEL_ISA ?= AVX2
KERNEL_TESTS = tests/test_contracts.py tests/test_composition.py tests/ops tests/explainers/test_integrated_gradients.py

test-kernels: $(VENV)/.installed-$(TEST_EXTRAS)  ## Run some tests as on another processor (KERNEL_ISA=AVX2)
	ONEDNN_MAX_CPU_ISA=$(KERNEL_ISA) $(BIN)/python -m pytest -m "not slow" -k "not mixed" $(PYTEST_ARGS) $(KERNEL_TESTS)

lint: $(VENV)/.installed-dev  ## Check style, format and types, and change nothing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.installed-dev  ## Sort the imports, apply the safe fixes and format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

check: lint test test-slow  ## Lint and all tests

# What touches TensorFlow, Keras and TensorBoard at every place where their versions differ, in minutes.
VERSION_TESTS = \
	tests/ops/test_ssim.py \
	tests/metrics/test_drift.py \
	tests/models/test_classifier.py \
	tests/models/test_own_preprocessing.py \
	tests/measurements/test_samples.py \
	tests/attacks/test_fgsm.py \
	tests/explainers/test_grad_cam.py \
	tests/explainers/test_integrated_gradients.py \
	tests/callbacks/test_adversarial_evaluation.py \
	tests/tensorboard/test_viewer_plugin.py \
	tests/tensorboard/test_writer.py

test-lowest:  ## Run some tests on the lowest versions that setup.cfg allows (Python 3.11 or 3.12)
	$(MAKE) test VENV=$(LOWEST_VENV) LOCK=requirements/lowest.txt PYTEST_ARGS="$(PYTEST_ARGS) $(VERSION_TESTS)"

test-middle:  ## Run the same tests on versions between the lowest and the newest
	$(MAKE) test VENV=$(MIDDLE_VENV) LOCK=requirements/middle.txt PYTEST_ARGS="$(PYTEST_ARGS) $(VERSION_TESTS)"

test-nightly:  ## Run the same tests on the newest versions there are, those before a release among them
	.ci/nightly $(NIGHTLY_VENV)
	$(NIGHTLY_VENV)/bin/python -m pytest -m "not slow" $(TEST_ARGS) $(PYTEST_ARGS) $(VERSION_TESTS)

test-alibi:  ## Run the tests of what the alibi extra adds (Python 3.11 or 3.12)
	$(MAKE) test VENV=$(ALIBI_VENV) LOCK=requirements/alibi.txt TEST_EXTRAS=alibi,test TEST_ARGS= PYTEST_ARGS="$(PYTEST_ARGS) tests/with_alibi"

bench:  ## Run the benchmarks briefly and print what they find (Python 3.11 or 3.12)
	$(MAKE) $(BENCH_VENV)/.installed-peers VENV=$(BENCH_VENV) LOCK=requirements/bench.txt
	$(MAKE) $(ALIBI_VENV)/.installed-alibi,test VENV=$(ALIBI_VENV) LOCK=requirements/alibi.txt
	$(BENCH_VENV)/bin/python -m benchmarks $(BENCH_ARGS)
	$(ALIBI_VENV)/bin/python -m benchmarks $(BENCH_ARGS)

bench-full:  ## Run the benchmarks in full and write benchmarks/results and docs/benchmarks.md
	$(MAKE) $(BENCH_VENV)/.installed-bench,autoattack,test VENV=$(BENCH_VENV) LOCK=requirements/bench.txt
	$(MAKE) bench BENCH_ARGS="--full $(BENCH_ARGS)"

same-numbers: $(VENV)/.installed-$(TEST_EXTRAS)  ## Compare all numbers with those of another commit, byte by byte (BASE=main)
	@test -n "$(BASE)" || { echo 'Say which commit: make same-numbers BASE=main'; exit 2; }
	@folder=$$(mktemp -d) && trap 'git worktree remove --force '$$folder/base' && rm -rf '$$folder EXIT && \
	git worktree add --quiet --detach $$folder/base $(BASE) && \
	PYTHONPATH=$$folder/base $(BIN)/python tests/same_numbers.py $$folder/numbers.npz && \
	PYTHONPATH=. $(BIN)/python tests/same_numbers.py $$folder/numbers.npz --compare

.PHONY: docs docs-pictures
# Warnings are errors, and nothing is downloaded: where a page or a name is not found, it is said and nothing is built.
docs: $(VENV)/.installed-docs  ## Build the documentation as a site into build/docs (open build/docs/index.html)
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs build/docs

docs-pictures: $(VENV)/.installed-pretrained  ## Make the drawings, and the pictures of the concepts, in docs/images
	$(BIN)/python docs/pictures.py

# In one process after another where memory is short: PYTEST_ARGS="-n 0".
coverage: $(VENV)/.installed-dev  ## Run the tests, but for the slow ones, and say which lines and branches none of them runs
	$(BIN)/python -m pytest -m "not slow" $(TEST_ARGS) --cov --cov-report=term:skip-covered --cov-report=html:build/coverage $(PYTEST_ARGS)

# Hours. It goes on where it was stopped, and several at a time share a sample: MUTANTS_ARGS="--share 0/2", and 1/2.
mutants: $(VENV)/.installed-$(TEST_EXTRAS)  ## Change the code at random places, and list what no test notices (MUTANTS=build/mutants)
	$(PIP_INSTALL) --no-deps cosmic-ray==8.7.0 stevedore==5.10.0
	PYTHONPATH=. $(BIN)/python tests/mutants.py run $(MUTANTS) $(MUTANTS_ARGS)

checks-document: $(VENV)/.installed  ## Write keras_advxai/checks.md again, from the docstrings of the checks
	$(BIN)/python -m keras_advxai.audit.document

command-line-document: $(VENV)/.installed  ## Write the options in docs/command_line.md again, from the commands
	$(BIN)/python -m keras_advxai.cli.document docs/command_line.md

paper: $(VENV)/.installed-pretrained  ## Train and attack the five architectures of the paper, write docs/what_moves_explanations.md (PAPER_ARGS="--seeds 3")
	$(BIN)/python examples/paper.py $(PAPER_ARGS)

notebooks: $(VENV)/.installed-$(TEST_EXTRAS)  ## Execute the notebooks in examples/ and write them with their outputs
	PYTHONPATH=. $(BIN)/python tests/notebooks.py examples

remedies: $(VENV)/.installed-$(TEST_EXTRAS)  ## Measure what holds explanations in place, into docs/what_moves_explanations.md (40 min)
	$(BIN)/python examples/remedies.py

lock: $(BIN)/pip  ## Resolve the files in requirements/ again, from the ranges in setup.cfg
	$(PIP_INSTALL) 'uv>=0.13,<0.14'
	$(UV_COMPILE) --extra dev --universal --fork-strategy fewest --output-file requirements/lock.txt
	$(UV_COMPILE) --extra test --resolution lowest-direct --constraint requirements/older.in --output-file requirements/lowest.txt
	$(UV_COMPILE) --extra test --constraint requirements/older.in --constraint requirements/middle.in --output-file requirements/middle.txt
	$(UV_COMPILE) --extra alibi --extra test --output-file requirements/alibi.txt
	$(UV_COMPILE) --extra bench --extra autoattack --extra test --universal --fork-strategy fewest --output-file requirements/bench.txt

# The versions are those of package-lock.json, so it writes what is there already unless a source has changed.
viewer:  ## Check, test and build the application in keras_advxai/viewer/static from its sources (needs Node 20)
	cd keras_advxai/viewer/app && npm ci --no-fund --no-audit && npm run types && npm test && npm run build

# Needs Chromium, too. All sizes and themes are then in build/screenshots.
screenshots: $(VENV)/.installed-$(TEST_EXTRAS) viewer  ## Take the pictures of the tab and of the page again, into docs/images
	PYTHONPATH=. $(BIN)/python tests/screenshots.py docs/images build/screenshots

release-check: $(VENV)/.installed-dev  ## Build what would be released, install it in an environment of its own and run it there
	$(BIN)/python .ci/release_check.py

build: $(VENV)/.installed-dev  ## Build the source distribution and the wheel into dist/
	$(BIN)/python -m build

clean:  ## Remove the environments, caches and build products of this folder
	rm -rf .venv .venv-* build dist *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

SAY_INSTALL = @echo "Installing into $(VENV). TensorFlow is large: the first time takes minutes, for about 730 MB."

# One environment, and in it one stamp for each set of extras: installed again only when one of these files changes.
$(BIN)/pip:
	@$(PYTHON) -c 'import sys; v = sys.version_info; (3, 11) <= v < (3, 14) or sys.exit(f"Python 3.11, 3.12 or 3.13 is needed, and $(PYTHON) is {v[0]}.{v[1]}. Name another: make PYTHON=python3.11 ...")'
	@echo "Making the environment $(VENV)."
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: setup.cfg pyproject.toml $(LOCK) | $(BIN)/pip
	$(SAY_INSTALL)
	$(PIP_INSTALL) -c $(LOCK) -e .
	@touch $@

$(VENV)/.installed-%: setup.cfg pyproject.toml $(LOCK) | $(BIN)/pip
	$(SAY_INSTALL)
	$(PIP_INSTALL) -c $(LOCK) -e '.[$*]'
	@touch $@

$(VENV)/.installed-peers: $(VENV)/.installed-bench,test requirements/bench-no-deps.txt
	$(PIP_INSTALL) --no-deps -r requirements/bench-no-deps.txt
	@touch $@
