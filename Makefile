# Needs python3 (3.11 or later) with venv, and make. Everything else goes into .venv.

PYTHON ?= python3
ONCE ?=

VENV := .venv
RUN := $(VENV)/bin/python
STAMPS := $(VENV)/stamps
NODE := tests/interop/node tests/browser/node

# Checks read the test site's settings, and keep out of the demo's data.
SITE := DJANGO_SETTINGS_MODULE=testproject.settings CIBA_VAR=$(CURDIR)/build/check

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help demo test check bench matrix docs screenshots messages conformance coverage format clean

help: ## say what there is to make
	@awk -F ': .*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(STAMPS)/demo ## a site and one whole CIBA flow against it; ONCE=1 ends after the flow
	$(RUN) -m testproject.demo $(if $(filter-out 0,$(ONCE)),--once)

test: $(STAMPS)/test ## every test that this machine can run, and which ones it cannot
	$(RUN) -m tests

check: $(STAMPS)/test $(STAMPS)/lint $(STAMPS)/docs ## style, types, import law, migrations, documentation
	$(RUN) -m ruff check
	$(RUN) -m ruff format --check
	$(SITE) $(RUN) -m mypy
	$(VENV)/bin/lint-imports --no-logo
	$(SITE) $(RUN) -m django makemigrations --check --dry-run
	$(SITE) $(RUN) -m django check --fail-level WARNING
	$(SITE) $(RUN) -m docs.generate --check
	$(RUN) -m tests.conformance_page --check
	$(SITE) $(RUN) -m sphinx -W --keep-going -n -q -b html docs docs/_build/html

bench: $(STAMPS)/test ## the benchmarks
	$(RUN) -m tests.benchmarks

matrix: $(STAMPS)/matrix ## the tests on the other supported versions of Python and Django
	$(VENV)/bin/nox

docs: $(STAMPS)/test $(STAMPS)/docs ## the documentation, as docs/_build/html
	$(SITE) $(RUN) -m docs.generate
	$(SITE) $(RUN) -m sphinx -n -b html docs docs/_build/html

messages: $(STAMPS)/test ## what the pages say, by language, brought up to the sources (needs GNU gettext)
	$(SITE) $(RUN) -m tests.catalogues

screenshots: $(STAMPS)/test ## the pictures in the documentation, by the browser tests that take them
	CIBA_SCREENSHOTS=1 $(RUN) -m pytest -n 0 tests/browser/test_screenshots.py

conformance: $(STAMPS)/test ## docs/reference/conformance.md, from the tests' requirement marks
	$(RUN) -m tests.conformance_page

coverage: $(STAMPS)/test ## which lines and branches the tests run, on SQLite
	$(RUN) -m pytest -n auto --dist loadfile --cov --cov-report term --cov-report html

format: $(STAMPS)/lint ## lay the code out, and fix what can be fixed without thought
	$(RUN) -m ruff check --fix
	$(RUN) -m ruff format

clean: ## remove all that was made here, the demo's data included
	rm -rf $(VENV) .nox build dist docs/_build htmlcov testproject/var $(NODE:=/node_modules)
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage.*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- setting up: each stamp is a dependency group of pyproject.toml, installed ----------------------

$(STAMPS)/venv:
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "Python 3.11 or later is needed: make PYTHON=python3.x")'
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --upgrade "pip>=25.1"
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/%: pyproject.toml | $(STAMPS)/venv
	$(RUN) -m pip install --quiet --editable . --group $*
	@touch $@

# The client library of another language talks to us, and axe-core looks at our pages, where there is Node.
ifneq (,$(shell command -v npm 2>/dev/null))
test coverage: $(NODE:=/node_modules/.stamp)
endif

%/node_modules/.stamp: %/package-lock.json
	cd $* && npm ci --no-audit --no-fund --silent
	@touch $@
