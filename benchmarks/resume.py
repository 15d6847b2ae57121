"""What it costs to go on: reading finished units, opening a large folder, its summary.

Prints a table of what is asked for and what was measured, in CPU seconds. The folder of
20 000 units is written unit by unit with `flexcv.storage`, not performed.

    python benchmarks/resume.py
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.dummy import DummyRegressor

from flexcv import CrossValidation, CrossValidationResults
from flexcv.results.scoring import scored
from flexcv.storage.results import describe, write_description, write_table
from flexcv.storage.saving import begin_results
from flexcv.storage.units import Marks, StoredUnit, save_unit

ROWS, MODELS, FOLDS, REPEATS = 100, 100, 5, 40
RUN = {"made": "by the benchmark"}


def chain(folder, n_models, n_repeats):
    """Return a chain of models that cost nothing."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(ROWS, 3)), columns=list("abc"))
    cv = CrossValidation().set_data(table, rng.normal(size=ROWS))
    cv = cv.set_splits(n_splits_out=FOLDS, n_repeats=n_repeats)
    for number in range(n_models):
        cv = cv.add_model(DummyRegressor, model_name=f"Model {number}")
    return cv.set_run(folder, progress=False)


def cpu_seconds(call):
    """Return the CPU seconds of a call, and its answer."""
    start = time.process_time()
    answer = call()
    return time.process_time() - start, answer


def resuming(place):
    """Return the CPU milliseconds per finished unit of a second `perform`."""
    n_units = 10 * FOLDS * 10
    chain(place, 10, 10).perform()
    seconds, _ = cpu_seconds(chain(place, 10, 10).perform)
    return 1000 * seconds / n_units


def write_large(place):
    """Write a finished folder of 20 000 units without performing a run."""
    one = chain(None, 1, REPEATS).perform().results
    folds = [
        replace(fold, model=f"Model {number}")
        for fold in one.folds
        for number in range(MODELS)
    ]
    dataset = chain(None, 1, REPEATS)._design.dataset
    assert scored(folds[0], one.metrics, dataset.target, dataset.task) is not None
    all_of_it = CrossValidationResults(folds, dataset, one.metrics, one.information)
    begin_results(place, all_of_it, RUN, [fold.key for fold in folds], {})
    sync, os.fsync = os.fsync, lambda descriptor: None  # noqa: ARG005
    try:
        units = [save_unit(place, StoredUnit((fold,), Marks(RUN))) for fold in folds]
    finally:
        os.fsync = sync
    description = describe(all_of_it, RUN, units)
    write_description(place, replace(description, table=write_table(place, all_of_it)))


def measured():
    """Yield what was asked for, what it may cost, and what it did."""
    with tempfile.TemporaryDirectory() as folder:
        each = resuming(Path(folder) / "run")
        yield "resuming, per finished unit", "2 ms", f"{each:.2f} ms"
        large = Path(folder) / "large"
        large.mkdir()
        write_large(large)
        seconds, results = cpu_seconds(lambda: CrossValidationResults.load(large))
        yield f"opening {len(results.folds):,} units", "60 s", f"{seconds:.1f} s"
        seconds, summary = cpu_seconds(lambda: results.summary)
        yield f"summary of {summary.shape[1]} models", "0.5 s", f"{seconds:.2f} s"


if __name__ == "__main__":
    print(f"{'what':32s} {'asked':>8s} {'measured':>10s}")
    for what, asked, came in measured():
        print(f"{what:32s} {asked:>8s} {came:>10s}", flush=True)
