# The verbs of this project; each does its own set-up in .venv.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
NPM_CI := npm ci --no-audit --no-fund --silent --engine-strict --fetch-retries=0 --fetch-timeout=20000

help:  ## list these verbs
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(VENV)/.app: requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.tests: $(VENV)/.app tests/requirements.txt
	$(RUN) -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	@touch $@

app: $(VENV)/.app  ## start the app at http://127.0.0.1:7860
	$(RUN) -m explorer $(ARGS)

test: $(VENV)/.tests  ## run the tests (the browser ones where a Chromium is installed)
	$(RUN) -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(ARGS)

lint: $(VENV)/.tests  ## check style and types (of the JavaScript where there is npm)
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	find explorer -name "*.pyi" -delete  # stubs that Gradio writes for its components; they would hide the sources
	$(RUN) -m mypy
	@if ! command -v npm >/dev/null; then echo "eslint skipped: there is no npm here"; \
	elif ! [ node_modules/.package-lock.json -nt package-lock.json ] && ! $(NPM_CI); then echo "eslint skipped: npm could not install it"; \
	else echo "node_modules/.bin/eslint explorer"; node_modules/.bin/eslint explorer; fi

format: $(VENV)/.tests  ## put the code into the house's format
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

bench: $(VENV)/.tests  ## run the quick benchmarks
	$(RUN) -m tests.benchmarks.plan
	$(RUN) -m tests.benchmarks.slider
	$(RUN) -m tests.benchmarks.startup

clean:  ## remove the virtual environment and caches
	rm -rf $(VENV) node_modules .pytest_cache .mypy_cache .ruff_cache .hypothesis

.PHONY: help app test lint format bench clean
.DEFAULT_GOAL := help
