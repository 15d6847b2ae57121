# Two commands: `make demo` shows what flexcv does, `make test` guards it.
# The others are for who changes it; CONTRIBUTING.md says when.
PYTHON ?= python3
VENV := .venv
SHELL := bash
BIN := $(VENV)/bin
LOWEST := .venv-lowest
# One BLAS thread per test worker: the workers already use every core.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1
export MLFLOW_DISABLE_TELEMETRY ?= true

# Seconds of tests that `make quick` chooses, in all; its workers share them.
QUICK_SECONDS ?= 40

# Old packages warn of each other, and scikit-learn 1.6 names some checks twice.
OF_OTHERS := -o strict_parametrization_ids=false -W ignore::DeprecationWarning \
	-W ignore::PendingDeprecationWarning -W ignore::FutureWarning \
	-W ignore::pytest.PytestRemovedIn10Warning

.PHONY: demo test quick lowest hooks mutants bench docs clean

demo: $(VENV)/demo-installed
	$(BIN)/python -m flexcv demo

test: $(VENV)/dev-installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	$(BIN)/pytest -n auto --dist loadfile

quick: $(VENV)/dev-installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest tests -n 2 -q -m "not slow and not reference" --quick $(QUICK_SECONDS)

lowest: $(LOWEST)/installed
	$(LOWEST)/bin/pytest tests -n 2 -q -m "not slow and not reference" --quick $(QUICK_SECONDS) $(OF_OTHERS)

hooks: $(VENV)/dev-installed
	$(BIN)/prek install

mutants: $(VENV)/dev-installed
	$(BIN)/python -m benchmarks.mutants $(ARGS)

bench: $(VENV)/dev-installed
ifdef NAME
	time PYTHONPATH=.:benchmarks $(BIN)/python -m benchmarks.$(NAME) $(ARGS)
else
	@cat benchmarks/README.md
endif

docs: $(VENV)/dev-installed
	$(BIN)/mkdocs serve --dev-addr 127.0.0.1:8000

clean:
	rm -rf $(VENV) $(LOWEST) site flexcv-demo

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/demo-installed: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/dev-installed: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet torch==2.13.0
	$(BIN)/python -m pip install --quiet --editable ".[excel,xgboost,shap,mlflow,neptune,wandb,dask,neural]" --group dev
	touch $@ $(VENV)/demo-installed

$(LOWEST)/installed: pyproject.toml .ci/lowest.py
	$(PYTHON) -m venv $(LOWEST)
	$(PYTHON) .ci/lowest.py pyproject.toml > $(LOWEST)/lowest.txt
	$(LOWEST)/bin/python -m pip install --quiet --upgrade pip
	$(LOWEST)/bin/python -m pip install --quiet --constraint $(LOWEST)/lowest.txt --editable ".[excel,xgboost]" --group test
	touch $@
