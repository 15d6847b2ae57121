# Two commands: `make demo` shows what flexcv does, `make test` guards it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# One BLAS thread per test worker: the workers already use every core.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1
export MLFLOW_DISABLE_TELEMETRY ?= true

.PHONY: demo test docs clean

demo: $(VENV)/demo-installed
	$(BIN)/python -m flexcv demo

test: $(VENV)/dev-installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	$(BIN)/pytest -n auto --dist loadfile

docs: $(VENV)/dev-installed
	$(BIN)/mkdocs serve --dev-addr 127.0.0.1:8000

clean:
	rm -rf $(VENV) site flexcv-demo

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
