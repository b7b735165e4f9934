# Everything a fresh machine needs is Python 3.11 or newer, make, and a package index.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: train test lint clean

train: .venv/installed
	$(BIN)/python scripts/train.py model=relu_net

test: .venv/installed
	$(BIN)/python -m pytest -n 2

lint: .venv/installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet -c constraints.txt -e '.[dev]'
	touch $@

clean:
	rm -rf .venv
