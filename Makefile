# Everything a fresh machine needs is Python 3.11 or newer, make, and a package index.
PYTHON ?= python3
BIN := .venv/bin
# The suite starts Python some hundred times: what one process compiled, the next one takes.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: train test test-lowest coverage lint format docs mutation audit clean

train: .venv/installed
	$(BIN)/python scripts/train.py model=relu_net

test: .venv/installed
	$(BIN)/python -m pytest -n 2

# The suite with the lowest versions that pyproject.toml allows, in an environment of its own.
test-lowest: .venv-lowest/installed
	.venv-lowest/bin/python -m pytest -n 2

# The suite once more, and how much of the code it reaches, in the processes that it starts too.
coverage: .venv/installed
	COVERAGE_FILE=$(CURDIR)/.coverage $(BIN)/python -m pytest -n 2 --cov --cov-report=json
	$(BIN)/python .ci/covered.py coverage.json

lint: .venv/installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

# The imports sorted and the lines wrapped.
format: .venv/installed
	$(BIN)/ruff check --fix --select I
	$(BIN)/ruff format

# docs/ as HTML in build/docs; a warning is an error.
docs: .venv/installed
	$(BIN)/python -m sphinx -W --keep-going -n -q docs build/docs

# Every change of one thing in functional/ and the stacked training is noticed by a test: an hour and more.
mutation: .venv-mutation/installed
	.venv-mutation/bin/python .ci/mutation.py

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet -c constraints.txt -e '.[dev]'
	touch $@

# An environment of its own: the suite would find in runs what mutmut brings.
.venv-mutation/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-mutation
	.venv-mutation/bin/pip install --quiet -c constraints.txt -e '.[dev,mutation]'
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
	rm -rf .venv .venv-lowest .venv-mutation .venv-audit
