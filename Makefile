# panmesh: `make demo` and `make test` do all the set-up.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
# A facility behind a proxy that reads TLS has its certificate among the system's: trust those where there are any.
ifneq ($(wildcard /etc/ssl/certs/ca-certificates.crt),)
export UV_SYSTEM_CERTS := true
endif
# uv is quick; where it cannot (an odd mirror, an odd certificate), pip with its own configuration is asked.
define install
$(BIN)/uv pip install -q --python $(BIN)/python $(1) 2>.venv/install.log || $(BIN)/python -m pip install -q --disable-pip-version-check $(1) || { cat .venv/install.log; exit 1; }
endef
PORT ?= 8000
# Tests wait for a third of their time: one more than the cores of a small machine.
WORKERS ?= 3

help:  ## what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.venv/.python:
	@test -n "$(PYTHON)" || { echo "panmesh needs Python 3.11 or newer; none was found on PATH."; exit 1; }
	@$(PYTHON) -m venv .venv 2>/tmp/panmesh-venv.log || { rm -rf .venv; bash scripts/system-packages python3-venv && $(PYTHON) -m venv .venv; }
	@$(BIN)/python -m pip install -q --disable-pip-version-check uv
	@touch $@

.venv/.runtime: .venv/.python requirements.lock pyproject.toml
	@echo "Installing panmesh into .venv …"
	@$(call install,--require-hashes -r requirements.lock)
	@$(call install,--no-deps -e .)
	@touch $@

.venv/.dev: .venv/.runtime requirements-dev.lock
	@$(call install,--require-hashes -r requirements-dev.lock)
	@touch $@

ISLANDS := src/panmesh/portal/islands
.venv/.islands: .venv/.python scripts/build-islands $(ISLANDS)/package-lock.json $(ISLANDS)/package.json $(wildcard $(ISLANDS)/src/*)
	@bash scripts/build-islands

install: .venv/.runtime .venv/.islands  ## .venv/bin/panmesh

demo: .venv/.runtime .venv/.islands  ## a facility with real and simulated runs on http://127.0.0.1:8000 [DATA=/some/dir]
	@$(BIN)/python -m panmesh.app.demo --port $(PORT) $(if $(DATA),--source "$(DATA)")

test: .venv/.dev  ## every test, on SQLite and PostgreSQL, with a real browser
	@bash scripts/system-packages postgresql chromium nginx-light acl
	@bash scripts/system-packages npm || true
	@$(MAKE) --no-print-directory .venv/.islands
	@$(BIN)/python scripts/run-tests -n $(WORKERS) --dist worksteal

check: .venv/.dev  ## lint, types, imports, docs
	@$(BIN)/ruff format --check -q src tests benchmarks scripts/*.py
	@$(BIN)/ruff check -q src tests benchmarks
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python scripts/check_words.py

bench: .venv/.dev  ## timings side by side
	@for b in benchmarks/bench_*.py; do echo "== $$b"; $(BIN)/python $$b || exit 1; done

soak: .venv/.dev  ## long runs, not in CI [SOAK_MINUTES=30] [SOAK_SEEDS=5] [ONLY=test_crowd]
	@bash scripts/system-packages postgresql
	@$(BIN)/python scripts/run-tests -m soak -s $(if $(ONLY),-k "$(ONLY)")

wheel: .venv/.dev .venv/.islands  ## dist/*.whl
	@$(BIN)/python -m build --wheel -o dist . >/dev/null && ls dist

lock: .venv/.dev  ## choose the newest dependencies anew
	@$(BIN)/uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-annotate --no-header -p 3.11 pyproject.toml -o requirements.lock
	@$(BIN)/uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-annotate --no-header -p 3.11 --group dev -c requirements.lock pyproject.toml -o requirements-dev.lock

clean:  ## remove what was built and installed, not the data
	rm -rf .venv build dist src/panmesh/portal/static/islands .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

.PHONY: help install demo test check bench soak wheel lock clean
