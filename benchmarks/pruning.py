"""What RacingPruner saves, and what it costs in the value that is found.

python benchmarks/pruning.py [--write]
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import sys

import optuna
from _execution_page import report, table
from optuna.distributions import FloatDistribution, IntDistribution
from sklearn.datasets import make_friedman1
from sklearn.tree import DecisionTreeRegressor

from flexcv import CrossValidation
from flexcv.evaluation.search import RacingPruner

SPACE = {
    "max_depth": IntDistribution(1, 12),
    "min_samples_leaf": IntDistribution(1, 60),
    "min_impurity_decrease": FloatDistribution(1e-4, 1.0, log=True),
}
PRUNERS = {
    "none": None,
    "RacingPruner()": RacingPruner(),
    "WilcoxonPruner()": optuna.pruners.WilcoxonPruner(),
}
INNER, TRIALS = (3, 5, 10), 60


def run(inner, pruner):
    """Return the share of inner fits that ran and the mean value of what was chosen."""
    X, y = make_friedman1(500, noise=2.0, random_state=0)
    cv = CrossValidation().set_data(X, y).set_inner_cv(TRIALS, pruner=pruner)
    cv.set_splits(n_splits_out=5, n_splits_in=inner)
    cv.add_model(DecisionTreeRegressor, params=SPACE)
    results = cv.set_run(progress=False).perform().results
    trials = results.trials
    folds = trials[[f"fold_{number}" for number in range(inner)]]
    complete = trials[trials["state"] == "complete"]
    chosen = complete.groupby("fold")["value"].min().mean()
    outer = results.summary.loc["mean"]["DecisionTreeRegressor"]["mse"]
    return folds.notna().to_numpy().mean(), chosen, outer


def main():
    """Print the table."""
    lines = []
    for inner in INNER:
        for name, pruner in PRUNERS.items():
            share, value, outer = run(inner, pruner)
            lines.append(
                (
                    inner,
                    name,
                    f"{100 * (1 - share):.0f} %",
                    f"{value:.3f}",
                    f"{outer:.3f}",
                )
            )
    head = ["inner folds", "pruner", "inner fits saved", "inner mse", "outer mse"]
    text = (
        "## What pruning saves\n\n"
        f"A regression tree with three parameters, {TRIALS} TPE trials, 5 outer folds, "
        "500 rows of Friedman's first problem. Counts of fits, so they repeat exactly. "
        "*Inner mse* is the mean of the chosen trials, *outer mse* the honest one.\n\n"
        + table(head, lines)
    )
    report("pruning", text, "--write" in sys.argv)


if __name__ == "__main__":
    main()
