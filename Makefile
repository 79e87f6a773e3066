# Needs python3 (3.11 or newer) and make. Everything else is fetched into .venv and the caches of this user.
.DEFAULT_GOAL := help
.PHONY: help .venv demo test test-slow test-faults test-all check schemas baseline docs clean
BIN := .venv/bin
# Each worker of pytest-xdist has servers of its own, and takes whole files in the order of tests/conftest.py.
# A broker that the environment names has one vhost for all tests: one after the other then.
SIDE_BY_SIDE := $(if $(BASKETRY_BROKER_URL),,-n auto --dist loadfile --no-loadscope-reorder)

help: ## list the targets
	@sed -n 's/^\([.a-z-]*\):[^#]*## /\1	/p' $(MAKEFILE_LIST) | while IFS='	' read -r target does; do \
		printf '  make %-11s %s\n' "$$target" "$$does"; done

.venv: .venv/installed ## create the environment, or bring it up to date

.venv/installed: pyproject.toml constraints.txt deploy/local/bootstrap.sh
	@sh deploy/local/bootstrap.sh

demo: .venv/installed ## start everything on this machine, show it at work, stop it again
	@$(BIN)/basketry demo

test: .venv/installed ## run all tests but the slow tiers, against a real PostgreSQL and RabbitMQ
	@$(BIN)/pytest $(SIDE_BY_SIDE)

test-slow: .venv/installed ## run the slow tests only, of every tier but the faults
	@$(BIN)/pytest -m slow

test-faults: .venv/installed ## kill processes and stop servers under load; prints a table of what it has cost
	@$(BIN)/pytest -m faults tests/faults

test-all: test test-slow test-faults ## run every test

check: .venv/installed ## lint, format, types, import rules, known vulnerabilities
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python deploy/audit.py constraints.txt

schemas: .venv/installed ## write contracts/asyncapi.json and contracts/schemas again, from the structs
	$(BIN)/python -m contracts.asyncapi

baseline: schemas ## at a release: keep the contract that all later ones are compared with, and freeze migrations
	$(BIN)/python -m contracts.asyncapi --baseline tests/fixtures
	cd worker/store/migrations/versions && sha256sum 0*.py > ../../../../tests/fixtures/migrations.sha256

docs: .venv/installed ## render the contract as one page, build/docs/index.html
	$(BIN)/python deploy/docs/render.py build/docs/index.html

clean: ## end the local stack; remove its data, the environment and all caches
	@if [ -x $(BIN)/basketry ]; then $(BIN)/basketry down --wipe; fi
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
