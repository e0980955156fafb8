# The targets make what they need: a virtual environment in .venv, the package in it.
PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt \
	--config-settings editable_mode=strict

ROOMS := $(filter-out unknot/%,$(wildcard */py.typed))

.PHONY: demo test lint types bench docs install

demo: install
	$(BIN)/unknot run dynamics-content --preset demo

# Two workers of one thread each: most tests are too small for more threads to help.
test: lint types
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install
	$(BIN)/mypy -p unknot $(ROOMS:%/py.typed=-p unknot.%)
	$(BIN)/mypy tests examples benchmarks docs

bench: install
	for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

docs: install
	$(BIN)/python docs/build.py

# A strict editable install is a tree of links that mypy understands; new files get theirs by installing again.
install: .venv/installed
	$(INSTALL) --no-deps --no-build-isolation -e .

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "unknot needs Python 3.11: make PYTHON=...")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(INSTALL) -e ".[dev]"
	touch $@
