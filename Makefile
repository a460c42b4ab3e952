# Everything runs from .venv, which `make setup` builds from nothing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
KILLS ?= 300
REQUESTS ?= 50000
CASES := $(wildcard ../shared)

.PHONY: setup demo test bench chaos fuzz check format clean

setup: $(STAMP)

$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test,check,bench]'
	$(BIN)/python -m compileall -q definitions engine adapters
	@touch $(STAMP)

demo: $(STAMP)
	$(BIN)/stepwell run examples/order/order.asl.json --input @examples/order/order.json --functions examples/order/functions.py

test: $(STAMP)
	$(BIN)/python -m pytest -n 2

bench: $(STAMP)
	$(BIN)/python -m bench

chaos: $(STAMP)
	PYTHONPATH=tests $(BIN)/python -W error -m chaos --kills $(KILLS) $(if $(SEED),--seed $(SEED))

fuzz: $(STAMP)
	PYTHONPATH=tests $(BIN)/python -m fuzz --requests $(REQUESTS) $(if $(SEED),--seed $(SEED))

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
