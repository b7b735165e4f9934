# Everything a fresh machine needs is Python 3.11 or newer, make, and a package index.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: train test test-lowest lint audit clean

train: .venv/installed
	$(BIN)/python scripts/train.py model=relu_net

test: .venv/installed
	$(BIN)/python -m pytest -n 2

# The suite with the lowest versions that pyproject.toml allows, in an environment of its own.
test-lowest: .venv-lowest/installed
	.venv-lowest/bin/python -m pytest -n 2

lint: .venv/installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet -c constraints.txt -e '.[dev]'
	touch $@

.venv-lowest/installed: pyproject.toml .ci/lowest.py
	$(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/python .ci/lowest.py > .venv-lowest/constraints.txt
	.venv-lowest/bin/pip install --quiet -c .venv-lowest/constraints.txt -e '.[dev]'
	touch $@

# Known weaknesses of the pinned versions, from the databases of PyPI: needs a network.
audit: .venv-audit/installed
	.venv-audit/bin/pip-audit --no-deps --disable-pip -r constraints.txt

.venv-audit/installed:
	$(PYTHON) -m venv .venv-audit
	.venv-audit/bin/pip install --quiet pip-audit==2.10.1
	touch $@

clean:
	rm -rf .venv .venv-lowest .venv-audit
