"""What nested cross-validation costs above the estimators' own fit and predict.

Prints CPU seconds of flexcv and of a hand-written loop with scikit-learn and Optuna for
5 outer folds x 3 inner folds x 30 TPE trials on a 2000 x 20 table, each over the sum of
the estimators' own fit and predict times in the same run.

    python benchmarks/overhead.py [--write]
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import statistics
import sys
import tempfile
import time

import numpy as np
import optuna
from _execution_page import report, table
from optuna.distributions import FloatDistribution, IntDistribution
from sklearn.datasets import make_regression
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_squared_error
from sklearn.model_selection import KFold

from flexcv import CrossValidation
from flexcv.chain.perform import _Performance

OUTER, INNER, TRIALS = 5, 3, 30
REPEATS = {"Ridge": 7, "HistGradientBoosting": 1}
OWN = {"seconds": 0.0, "fits": 0}


def timed(method):
    """Add a method's CPU seconds to OWN."""

    def call(*args, **kwargs):
        start = time.process_time()
        try:
            return method(*args, **kwargs)
        finally:
            OWN["seconds"] += time.process_time() - start

    return call


class TimedRidge(Ridge):
    """Ridge that counts its own seconds."""

    def fit(self, X, y):
        OWN["fits"] += 1
        return timed(super().fit)(X, y)

    def predict(self, X):
        return timed(super().predict)(X)


class TimedBoosting(HistGradientBoostingRegressor):
    """Boosting that counts its own seconds."""

    def fit(self, X, y):
        OWN["fits"] += 1
        return timed(super().fit)(X, y)

    def predict(self, X):
        return timed(super().predict)(X)


CASES = {
    "Ridge": (TimedRidge, {}, {"alpha": FloatDistribution(1e-3, 1e3, log=True)}),
    "HistGradientBoosting": (
        TimedBoosting,
        {"max_iter": 30, "early_stopping": False, "random_state": 0},
        {"max_depth": IntDistribution(2, 8)},
    ),
}


def with_flexcv(X, y, model, kwargs, space, folder=None):
    """Run the chain."""
    cv = CrossValidation().set_data(X, y).set_inner_cv(TRIALS).set_run(folder)
    cv.set_splits(n_splits_out=OUTER, n_splits_in=INNER, scale_out=False, metrics="mse")
    cv.add_model(model, params=space, model_kwargs=kwargs).perform()


def by_hand(X, y, model, kwargs, space):
    """Run the smallest loop that does the same."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    for outer, (train, test) in enumerate(
        KFold(OUTER, shuffle=True, random_state=0).split(X)
    ):
        X_train, y_train = X[train], y[train]
        inner = [
            (X_train[a], y_train[a], X_train[b], y_train[b])
            for a, b in KFold(INNER, shuffle=True, random_state=0).split(X_train)
        ]
        study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=outer))
        for _ in range(TRIALS):
            trial = study.ask(space)
            scores = []
            for X_fit, y_fit, X_valid, y_valid in inner:
                fitted = model(**kwargs, **trial.params).fit(X_fit, y_fit)
                scores.append(mean_squared_error(y_valid, fitted.predict(X_valid)))
            study.tell(trial, float(np.mean(scores)))
        fitted = model(**kwargs, **study.best_params).fit(X_train, y_train)
        mean_squared_error(y[test], fitted.predict(X[test]))
        mean_squared_error(y_train, fitted.predict(X_train))


def with_folder(X, y, model, kwargs, space):
    """Run the chain with a run folder."""
    with tempfile.TemporaryDirectory() as folder:
        with_flexcv(X, y, model, kwargs, space, f"{folder}/run")


def with_folder_untracked(*arguments):
    """Run the chain with a run folder, and its local tracker left out."""
    recorders = _Performance._recorders
    _Performance._recorders = lambda *_, **__: []
    try:
        with_folder(*arguments)
    finally:
        _Performance._recorders = recorders


LOOPS = {
    "by hand": by_hand,
    "flexcv": with_flexcv,
    "flexcv, run folder without its tracker": with_folder_untracked,
    "flexcv, run folder": with_folder,
}


def measured(run, *arguments):
    """Return CPU seconds, those of the estimators, and ms above them per inner fit."""
    OWN.update(seconds=0.0, fits=0)
    start = time.process_time()
    run(*arguments)
    total = time.process_time() - start
    above = total - OWN["seconds"]
    return total, OWN["seconds"], 1000 * above / (OUTER * INNER * TRIALS)


def rows(name, case, X, y, repeats):
    """Measure every loop in turn and give a row for each."""
    for loop in LOOPS.values():  # imports and caches are nobody's overhead
        measured(loop, X[:200], y[:200], *case)
    runs = {loop: [] for loop in LOOPS}
    for _ in range(repeats):
        for loop, run in LOOPS.items():
            runs[loop].append(measured(run, X, y, *case))
    own = statistics.median(own for each in runs.values() for _, own, _ in each)
    for loop, each in runs.items():
        total, _, above = (statistics.median(c) for c in zip(*each, strict=True))
        ratio = statistics.median(total / own for total, own, _ in each)
        plain = statistics.median(above for _, _, above in runs["flexcv"])
        share = (above - plain) * OUTER * INNER * TRIALS / 1000 / own
        folder = f"{100 * share:.1f} %" if "folder" in loop else ""
        yield name, loop, f"{total:.2f}", f"{ratio:.3f}", f"{above:.2f}", folder


def main():
    """Print a row per case and loop."""
    X, y = make_regression(2000, 20, noise=10.0, random_state=0)
    lines = [
        row
        for name, case in CASES.items()
        for row in rows(name, case, X, y, REPEATS[name])
    ]
    head = ["estimator", "loop", "CPU s", "total / own", "ms above own per inner fit"]
    text = (
        "## Above the estimators' own fit and predict\n\n"
        f"{OUTER} outer x {INNER} inner folds x {TRIALS} TPE trials on 2000 x 20, one "
        "process, one thread; runs in turn, medians of "
        f"{' and '.join(str(n) for n in REPEATS.values())}. *Own* are the estimators' "
        "own seconds; the last column is what the folder adds, over own.\n\n"
        + table([*head, "folder adds"], lines)
    )
    report("overhead", text, "--write" in sys.argv)


if __name__ == "__main__":
    main()
