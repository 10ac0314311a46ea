# Two commands: `make demo` and `make test`. Each first makes .venv and installs what is missing, once.
# Tools are called as modules: a copied or moved .venv keeps working, its scripts' first lines would not.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.settle-ready
PYTEST_WORKERS ?= 2

# $(call step,name,command): runs a command, says how long it took, stops at the first that fails.
define step
@echo "== $(1)"; start=$$SECONDS; $(2); echo "== $(1): $$((SECONDS - start)) s"
endef

.PHONY: help demo test lint format check-python sql pytest mutations clean

help:
	@echo "make demo   a small company's ten days: loaded, built, tested, explained (under two minutes after the first time)"
	@echo "make test   every check, on DuckDB and on a real PostgreSQL"
	@echo "make mutations  makes one mistake after the other in a copy of the models; a test must notice each (some minutes)"
	@echo "make lint   ruff, mypy and sqlfluff only      make format   let ruff write what it would change"
	@echo "make clean  removes what was made here, but not .venv and not your warehouse"

demo: $(READY) profiles.yml
	@$(PY) -m settle demo

test: lint pytest

lint: $(READY) profiles.yml
	$(call step,ruff check,$(PY) -m ruff check --no-cache .)
	$(call step,ruff format,$(PY) -m ruff format --no-cache --check .)
	$(call step,mypy,$(PY) -m mypy)
	$(call step,sqlfluff duckdb,.ci/lint-sql duckdb)
	$(call step,sqlfluff postgres,.ci/lint-sql postgres)

pytest: $(READY) profiles.yml
	$(call step,pytest,$(PY) -m pytest -n $(PYTEST_WORKERS) --dist worksteal -q)

mutations: $(READY) profiles.yml
	$(call step,mutations,$(PY) -m pytest -n $(PYTEST_WORKERS) --dist loadgroup -q tests/mutations)

format: $(READY)
	@$(PY) -m ruff check --no-cache --fix .
	@$(PY) -m ruff format --no-cache .

profiles.yml: | profiles.example.yml
	@cp profiles.example.yml profiles.yml

$(READY): pyproject.toml constraints.txt .ci/install
	@bash .ci/install $(VENV)
	@touch $(READY)

clean:
	@rm -rf target logs build *.egg-info scripts/*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis warehouse/demo*
	@find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +
