# Two commands do everything; each sets itself up:
#   make demo    the main job on the local stack: sample district in, plan shown, directory filled
#   make test    all that CI runs: lint, types, tests, coverage

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
READY := $(VENV)/.ready
BIN := $(VENV)/bin

# The newest Python from 3.13 down to 3.11 that works: on PATH, or one that pyenv holds.
define FIND_PYTHON
for v in 3.13 3.12 3.11; do \
  for p in python$$v $$HOME/.pyenv/versions/$$v.*/bin/python; do \
    if "$$p" -c 'import ensurepip, venv' >/dev/null 2>&1; then command -v "$$p"; exit 0; fi; \
  done; \
done; \
echo "Rollcall needs Python 3.11, 3.12 or 3.13 with venv; none was found. Install one from python.org or your package manager." >&2; exit 1
endef

help: ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(READY): pyproject.toml requirements.txt constraints.txt
	@python="$$( $(FIND_PYTHON) )"; echo "Setting up $(VENV) with $$($$python --version)"; \
	"$$python" -m venv --clear $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@$(BIN)/python -m local.azurite --install
	@touch $@

setup: $(READY) ## the virtual environment, the requirements and Azurite

demo: $(READY) ## run the main job on the local stack until Ctrl-C
	@$(BIN)/rollcall demo

package: $(READY) ## rollcall.zip, which is deployed (docs/package.md)
	@$(BIN)/rollcall package

check-style: $(READY) ## ruff and the strict type check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright

browser: # a real browser for the portal's tests; without one they say so and are skipped
	@command -v chromium chromium-browser google-chrome >/dev/null || { \
	  [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	  apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null; } || true

test: $(READY) browser check-style ## everything that CI runs
	$(BIN)/pytest -n 3 --dist loadgroup --cov --cov-report=term --cov-fail-under=100

thorough: $(READY) browser ## the tests that repeat others for more systems, versions and seeds
	$(BIN)/pytest -n 3 --dist loadgroup -m thorough

docs: $(READY) ## the pages of docs/ that are made from the code
	$(BIN)/python -m cli.manual docs

bench: $(READY) ## the benchmarks, some two hours; what they measured stands beside them in bench/
	$(BIN)/python -m bench.check
	$(BIN)/python -m bench.pull
	$(BIN)/python -m bench.apply
	$(BIN)/python -m bench.histories
	$(BIN)/python -m bench.package

clean: ## remove what the other targets made
	rm -rf $(VENV) .stack .coverage* .pytest_cache .ruff_cache .hypothesis *.egg-info build

.PHONY: help setup demo package check-style browser test thorough docs bench clean
