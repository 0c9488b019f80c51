# descend: `make demo` trains two networks, `make test` runs every check; both set up what they need.
# PYTHON=python3.12 chooses the interpreter, WORKERS=4 the number of test processes.

PYTHON ?= python3
VENV ?= .venv
WORKERS ?= 2

BIN := $(VENV)/bin
STAMP := $(VENV)/.descend-is-set-up

.DEFAULT_GOAL := help
.PHONY: help setup demo test check format types unit docs bench clean

help: ## list what can be made
	@sed -n 's/^\([a-z]*\):[^#]*## /  make \1\t/p' Makefile | expand -t 16

setup: $(STAMP) ## make .venv with everything that descend and its tests need

$(STAMP): pyproject.toml constraints.txt
	@command -v '$(PYTHON)' >/dev/null || { \
	    echo "error: Python 3.11 or later is needed, no '$(PYTHON)' was found" >&2; \
	    echo "hint: install it, or name another one: make PYTHON=/path/to/python3.12 ..." >&2; exit 1; }
	@'$(PYTHON)' -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "error: Python 3.11 or later is needed, '$(PYTHON)' is $$('$(PYTHON)' --version 2>&1)" >&2; \
	    echo "hint: name another one: make PYTHON=/path/to/python3.12 ..." >&2; exit 1; }
	@'$(PYTHON)' -c 'import venv, ensurepip' 2>/dev/null || { \
	    echo "error: the venv module is needed, '$(PYTHON)' comes without it" >&2; \
	    echo "hint: on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@echo "setting up $(VENV): about a minute, or as long as it takes to download torch" >&2
	'$(PYTHON)' -m venv $(VENV)
	$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(STAMP) ## train XOR and scikit-learn's handwritten digits
	$(BIN)/descend lab xor-nn
	$(BIN)/descend train digits

test: check docs unit ## set up, then run every check and every test

check: format types ## the fast part without tests: format, lint, types

format: $(STAMP)
	$(BIN)/ruff format --check
	$(BIN)/ruff check

types: $(STAMP)
	$(BIN)/mypy

unit: $(STAMP)
	$(BIN)/pytest -n $(WORKERS)

docs: $(STAMP) ## build the documentation into site/, failing on a broken link
	$(BIN)/mkdocs build --strict

bench: $(STAMP) ## measure descend beside its peers; the extra `bench` adds JAX and Keras
	@for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python "$$script" || exit 1; done

clean: ## remove builds and caches; .venv and the runs stay
	rm -rf build dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find src tests benchmarks docs -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true
