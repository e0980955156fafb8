# The targets make what they need: a virtual environment in .venv, the package in it.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
# A strict editable install is a tree of links that mypy understands; new files get theirs by installing again.
STRICT := $(PIP) --config-settings editable_mode=strict

ROOMS := $(filter-out unknot/%,$(wildcard */py.typed))
# Two workers of one thread each: most tests are too small for more threads to help.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadgroup

# Warnings are errors. Notebooks run again where their code has changed since the last build.
SPHINX := OMP_NUM_THREADS=1 $(BIN)/sphinx-build --quiet --fail-on-warning --keep-going

.PHONY: demo test test-all torture mutants lint types bench docs site links install

demo: .venv/learn
	$(BIN)/unknot run dynamics-content --preset demo

test: lint types
	$(PYTEST)

test-all: lint types
	$(PYTEST) -m ""

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install
	$(BIN)/mypy -p unknot $(ROOMS:%/py.typed=-p unknot.%)
	$(BIN)/mypy tests examples benchmarks docs torture

bench: install
	for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

# Attacks on what unknot promises, under half an hour; docs/robustness.md has what they found.
torture: install
	OMP_NUM_THREADS=1 $(BIN)/python -m torture

# How many small changes of the core the tests notice; docs/mutants.md lists them. An hour or two.
mutants: install
	OMP_NUM_THREADS=1 $(BIN)/python -m torture.mutants

docs: install
	$(BIN)/python docs/build.py

site: install
	$(SPHINX) docs build/site
	@echo "build/site/index.html"

# External links, which need the network and are therefore no part of `make site`.
links: install
	$(SPHINX) -b linkcheck -D nb_execution_mode=off docs build/links

install: .venv/dev
	$(STRICT) --no-deps --no-build-isolation -e .

.venv/dev: .venv/bin/python pyproject.toml constraints.txt
	$(STRICT) -e ".[dev]"
	touch $@ .venv/learn

# The demo needs a part of what developing does. Compiling all of torch would take longer than the training.
.venv/learn: .venv/bin/python pyproject.toml constraints.txt
	@echo "Installing what the demo needs (once; a minute)"
	$(PIP) --no-compile -e ".[learn]"
	touch $@

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "unknot needs Python 3.11: make PYTHON=...")'
	$(PYTHON) -m venv .venv
