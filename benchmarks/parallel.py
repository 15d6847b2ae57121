"""What two workers gain on the boosting case, and what a cold pool costs.

python benchmarks/parallel.py [--write]
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import statistics
import sys
import time

from _execution_page import report, table
from optuna.distributions import IntDistribution
from sklearn.datasets import make_regression
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge

from flexcv import CrossValidation

OUTER, INNER, TRIALS, TURNS = 6, 3, 8, 3


def boosting(n_jobs):
    """Run the boosting case with as many workers."""
    X, y = make_regression(2000, 20, noise=10.0, random_state=0)
    cv = CrossValidation().set_data(X, y).set_inner_cv(TRIALS)
    cv.set_splits(n_splits_out=OUTER, n_splits_in=INNER, scale_out=False)
    cv.add_model(
        HistGradientBoostingRegressor,
        params={"max_depth": IntDistribution(2, 8)},
        model_kwargs={"max_iter": 30, "early_stopping": False, "random_state": 0},
    )
    cv.set_run(n_jobs=n_jobs).perform()


def cold():
    """Run six units that cost nothing, so that starting the pool is all there is."""
    X, y = make_regression(200, 5, random_state=0)
    cv = CrossValidation().set_data(X, y).set_splits(n_splits_out=OUTER)
    cv.add_model(Ridge).set_run(n_jobs=2).perform()


def clocked(run, *arguments):
    """Return wall-clock seconds, and CPU seconds of this process."""
    wall, own = time.perf_counter(), time.process_time()
    run(*arguments)
    return time.perf_counter() - wall, time.process_time() - own


def busy():
    """Return the share of the machine's cores that others use."""
    return os.getloadavg()[0]


def main():
    """Print the table."""
    first, _ = clocked(cold)
    again, _ = clocked(cold)
    load = busy()
    runs = [(clocked(boosting, 1), clocked(boosting, 2)[0]) for _ in range(TURNS)]
    serial, own, pair = (
        statistics.median(column)
        for column in zip(*((s, c, p) for (s, c), p in runs), strict=True)
    )
    best = max(s / p for (s, _), p in runs)
    lines = [
        ("boosting, serial", f"{serial:.1f}", ""),
        ("boosting, 2 workers", f"{pair:.1f}", f"{serial / pair:.2f} times as fast"),
        ("six empty units, cold pool of 2", f"{first:.1f}", ""),
        ("six empty units, warm pool of 2", f"{again:.1f}", ""),
    ]
    text = (
        "## Two workers\n\n"
        f"HistGradientBoosting, {OUTER} x {INNER} x {TRIALS} trials, wall-clock "
        f"seconds, medians of {TURNS} runs in turn (the best: {best:.2f} times). The "
        f"machine's load average was {load:.1f} before the first run, and the serial "
        f"run got {100 * own / serial:.0f} % of a core; with other work on the "
        "cores, two workers cannot gain what free cores would give.\n\n"
        + table(["case", "wall s", "gain"], lines)
    )
    report("parallel", text, "--write" in sys.argv)


if __name__ == "__main__":
    main()
