"""How the cost grows with rows, folds, models and trials.

The estimators' own fit and predict are timed apart; the rest is what the library adds.
The picture is drawn from the page: python docs/pictures execution.

python benchmarks/scale.py [--write]
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import math
import sys
import time

import numpy as np
from _execution_page import report, table
from optuna.distributions import FloatDistribution
from sklearn.linear_model import Ridge

from flexcv import CrossValidation

OWN = {"seconds": 0.0}
AXES = {
    "rows": (1_000, 10_000, 100_000, 1_000_000),
    "folds": (5, 20, 80),
    "models": (1, 4, 16),
    "trials": (10, 40, 160),
}
USUAL = {"rows": 2_000, "folds": 5, "models": 1, "trials": 0}


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
        return timed(super().fit)(X, y)

    def predict(self, X):
        return timed(super().predict)(X)


def run(rows, folds, models, trials):
    """Run Ridge at this size; give CPU seconds, and those of the estimators alone."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, 10))
    y = X[:, 0] + rng.normal(size=rows)
    OWN["seconds"] = 0.0
    start = time.process_time()
    cv = CrossValidation().set_data(X, y)
    cv.set_splits(n_splits_out=folds, n_splits_in=3).set_inner_cv(max(trials, 1))
    space = {"alpha": FloatDistribution(1e-3, 1e3, log=True)}
    for number in range(models):
        cv.add_model(
            TimedRidge, params=space if trials else None, model_name=f"m{number}"
        )
    assert len(cv.perform().results.summary)
    return time.process_time() - start, OWN["seconds"]


def power(sizes, seconds):
    """Return the exponent between the last two sizes: 1 is linear."""
    return math.log(seconds[-1] / seconds[-2]) / math.log(sizes[-1] / sizes[-2])


def rows_of(name, seconds):
    """Lay out one axis: all seconds, the estimators' own, and those above."""
    total, own = (np.array(column) for column in zip(*seconds, strict=True))
    sizes = ", ".join(f"{size:,}" for size in AXES[name])
    for part, values in (("all", total), ("own", own), ("above own", total - own)):
        shown = ", ".join(f"{value:.3f}" for value in values)
        yield name, sizes, part, shown, f"{power(AXES[name], values):.2f}"


def main():
    """Print the table."""
    run(**USUAL)
    measured = {
        name: [
            min(run(**USUAL | {name: size}) for _ in range(3 if size < 1e5 else 1))
            for size in sizes
        ]
        for name, sizes in AXES.items()
    }
    lines = [line for name in measured for line in rows_of(name, measured[name])]
    text = (
        "## Growth\n\n"
        "Ridge on ten features; 2000 rows, 5 folds, one model, untuned, unless the "
        "row says otherwise; the table is made before the clock starts. *Own* are "
        "the estimators' fit and predict, *above own* all the rest: checks, plan, "
        "cutting, scaling, tuning, scores. The exponent is taken between the last two "
        "sizes: 1 is proportional.\n\n"
        + table(["varied", "sizes", "part", "CPU s", "exponent"], lines)
        + "\n\nThe sampler (TPE) looks at all trials before each new one, which is why "
        "the part above own grows a little faster than the trials."
        "\n\n![CPU seconds against size](../images/execution/scale.png)"
    )
    report("scale", text, "--write" in sys.argv)


if __name__ == "__main__":
    main()
