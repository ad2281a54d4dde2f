# Everything from a fresh clone: Python 3.11 or newer, Node 20 or newer and make are all that must be there.

SHELL := /bin/sh
UV_VERSION := 0.13.9
TOOLS := .headworks-tools
VENV := .venv
EMULATOR := .local/emulator

# A uv on PATH will do if it reads our lock; else one of our own is installed.
UV := $(shell uv --version 2>/dev/null | awk '{ split($$2, v, "."); if (v[1] > 0 || v[2] >= 9) print "uv" }')
ifeq ($(UV),)
UV := $(TOOLS)/bin/uv
UV_INSTALLED := $(UV)
export PATH := $(CURDIR)/$(TOOLS)/bin:$(PATH)
endif

# uv's own settings in the environment must not lead it elsewhere.
SYNC := env -u VIRTUAL_ENV UV_PROJECT_ENVIRONMENT

# Some environments forbid bytecode; every start would then compile the world again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup dev test lint unit emulated e2e conformance chaos bench bench-redis mutants format deploy clean

help: ## This list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install what the others need (they do it by themselves)
	@$(MAKE) -s --no-print-directory -j 3 $(VENV)/.installed $(EMULATOR)/.installed node_modules/.installed

dev: setup ## Run the whole pipeline on this machine, until Ctrl-C
	@exec $(VENV)/bin/headworks dev --with-parent

test: lint unit emulated e2e ## Check everything

lint: setup ## Format, style, types, who may import whom
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/ruff check
	$(VENV)/bin/mypy
	$(VENV)/bin/python -m infra.import_rules

unit: setup
	$(VENV)/bin/pytest -m "not e2e" -n auto

# What needs the emulator's stores and nothing deployed to it.
emulated: setup
	$(VENV)/bin/pytest tests/contract tests/functional -m e2e

# The tests wait for retries most of the time, so many run side by side on one deployment.
e2e: setup
	$(VENV)/bin/pytest tests/e2e -m e2e -n 6 --maxschedchunk 1
	$(VENV)/bin/pytest tests/e2e/test_analytics.py -m e2e --without-redis

conformance: setup ## Hold the simulator's cases against the emulator (minutes of real time)
	$(VENV)/bin/pytest tests/conformance -m e2e -n 3 --maxschedchunk 1

# Deaths are drawn from a seed: a failure comes again when it is run again.
chaos: setup ## Kill processes at every named point, and close the books (minutes)
	$(VENV)/bin/pytest tests/chaos -m "not e2e" -n auto --rounds 100 --seeds 500
	$(VENV)/bin/pytest tests/chaos -m e2e -n 4 --maxschedchunk 1
	$(VENV)/bin/pytest tests/contract/test_redis_machine.py -n auto --all-bugs

bench: setup ## Measure a consumer beside plain Powertools, and long lists (a minute; fails if the goals are missed)
	$(VENV)/bin/python -m tests.benchmarks.consumer_cost
	$(VENV)/bin/python -m tests.benchmarks.long_lists

bench-redis: setup ## Measure queues on Redis beside each other (half an hour; fails if the goals are missed)
	$(VENV)/bin/python -m tests.benchmarks.redis_contest.growth
	$(VENV)/bin/python -m tests.benchmarks.redis_contest

mutants: setup ## Plant known bugs in a copy of the library: tests must notice each
	$(VENV)/bin/python -m tests.mutants

format: setup ## Format the code
	$(VENV)/bin/ruff format
	$(VENV)/bin/ruff check --fix

# With the credentials and the region of your AWS environment.
deploy: setup ## Deploy to AWS; ENDPOINT=https://... says where webhooks are delivered to
	@echo "An account and region that the CDK never deployed to needs 'npx cdk bootstrap' first, once."
	node_modules/.bin/cdk deploy --all $(if $(ENDPOINT),-c endpoint.default=$(ENDPOINT))

clean: ## Remove everything that make has made
	rm -rf $(VENV) $(TOOLS) .local build cdk.out node_modules

$(VENV)/.installed: pyproject.toml uv.lock $(UV_INSTALLED)
	@echo "Installing the Python packages"
	@$(SYNC)=$(VENV) $(UV) sync --frozen --quiet
	@touch $@

# Its own environment: a function sees what Lambda ships and what its layers bring, nothing else.
$(EMULATOR)/.installed: pyproject.toml uv.lock $(UV_INSTALLED)
	@echo "Installing the AWS emulator"
	@$(SYNC)=$(EMULATOR) $(UV) sync --frozen --quiet --only-group emulator --no-install-project --compile-bytecode
	@touch $@

node_modules/.installed: package.json package-lock.json
	@echo "Installing the CDK command line"
	@npm ci --no-audit --no-fund --no-update-notifier --loglevel=error > /dev/null
	@touch $@

# Some distributions ship Python without what makes a virtual environment, but with pip.
PIP := -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
$(TOOLS)/bin/uv:
	@echo "Installing uv"
	@{ python3 -m venv $(TOOLS) > /dev/null 2>&1 && $(TOOLS)/bin/python $(PIP); } \
		|| python3 $(PIP) --target $(TOOLS) --upgrade \
		|| { echo "uv couldn't be installed with pip: see https://docs.astral.sh/uv for other ways"; exit 1; }
	@touch $@
