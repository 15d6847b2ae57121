"""Peak memory over a table of 1e6 x 50 numbers, 5 folds and two cheap models.

    python benchmarks/memory.py [--write]

Each case runs in a fresh process, which is watched from here together with its
workers. A worker's *own* memory is what no other process shares: its anonymous pages.
The table itself is mapped by all workers from one file and counted apart. Beside each
worker stands its largest estimator alone: a fresh process that fits it to as many
rows.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import subprocess
import sys
import time

import numpy as np
from _execution_page import report, table
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression, Ridge, SGDRegressor

from flexcv import CrossValidation

ROWS, COLUMNS, FOLDS = 1_000_000, 50, 5
TABLE = ROWS * COLUMNS * 8
PAUSE = 0.01  # seconds between two looks
MODELS = {
    "LinearRegression": LinearRegression(),
    "Ridge": Ridge(),
    "SGDRegressor": SGDRegressor(max_iter=3, tol=None, random_state=0),
    "HistGradientBoosting": HistGradientBoostingRegressor(
        max_iter=2, early_stopping=False
    ),
}
CASES = (
    ("Ridge", "SGDRegressor"),
    ("HistGradientBoosting", "SGDRegressor"),
    ("LinearRegression", "SGDRegressor"),
)
WORKERS = (1, 2)


def made():
    """Make the table."""
    X = np.random.default_rng(0).normal(size=(ROWS, COLUMNS))
    return X, X[:, 0] + X[:, 1]


def run(n_jobs, names):
    """Run the case in this process."""
    cv = CrossValidation().set_data(*made())
    for name in names:
        cv.add_model(MODELS[name], model_name=name)
    cv.set_splits("KFold", n_splits_out=FOLDS)
    assert len(cv.set_run(n_jobs=n_jobs).perform().results.summary)


def alone(name):
    """Fit one estimator to the rows of one training part, in this process."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(ROWS - ROWS // FOLDS, COLUMNS))
    MODELS[name].fit(X, X[:, 0] + X[:, 1]).predict(X)


def memory_of(process):
    """Return the peak of all that a process maps, and what is its own now."""
    try:
        with open(f"/proc/{process}/status", encoding="utf-8") as stream:
            found = dict(line.split(":", 1) for line in stream)
        return [1024 * int(found[key].split()[0]) for key in ("VmHWM", "RssAnon")]
    except (OSError, KeyError, ValueError):
        return 0, 0


def workers(process):
    """List a process's workers; a child that just forked still shows its parent."""
    try:
        with open(f"/proc/{process}/task/{process}/children", encoding="utf-8") as file:
            return [int(number) for number in file.read().split() if is_worker(number)]
    except OSError:
        return []


def is_worker(process):
    """Return whether a process has become one of joblib's workers."""
    try:
        with open(f"/proc/{process}/cmdline", "rb") as file:
            return b"popen_loky" in file.read()
    except OSError:
        return False


def watched(*arguments):
    """Run elsewhere; give the peaks of the parent, and of the largest worker."""
    process = subprocess.Popen([sys.executable, "-W", "ignore", __file__, *arguments])
    peaks = {"parent": 0, "parent's own": 0, "worker": 0, "worker's own": 0}
    while process.poll() is None:
        look(peaks, "parent", process.pid)
        for child in workers(process.pid):
            look(peaks, "worker", child)
        time.sleep(PAUSE)
    assert process.returncode == 0
    return {name: peak / TABLE for name, peak in peaks.items()}


def look(peaks, who, process):
    """Keep what is larger than before."""
    mapped, own = memory_of(process)
    peaks[who] = max(peaks[who], mapped)
    peaks[f"{who}'s own"] = max(peaks[f"{who}'s own"], own)


def rows():
    """Measure every case, and every estimator alone."""
    lone = {name: watched("alone", name)["parent's own"] for name in MODELS}
    for names in CASES:
        largest = max(lone[name] for name in names)
        for n_jobs in WORKERS:
            peaks = watched("run", str(n_jobs), *names)
            has_workers = n_jobs > 1
            worker = (
                f"{peaks[key]:.2f}" if has_workers else ""
                for key in ("worker's own", "worker")
            )
            yield (
                " and ".join(names),
                n_jobs,
                f"{peaks['parent']:.2f}",
                *worker,
                (f"{largest:.2f}"),
            )


def main():
    """Print the table, or run one case in this process."""
    what, *arguments = sys.argv[1:] or [""]
    if what == "alone":
        alone(*arguments)
    elif what == "run":
        run(int(arguments[0]), arguments[1:])
    else:
        show("--write" in sys.argv)


def show(write):
    """Measure and lay out."""
    head = ["models", "n_jobs", "parent", "worker's own", "with the shared table"]
    text = (
        "## Memory\n\n"
        f"Peak memory over the size of the table ({TABLE / 1e6:.0f} MB: "
        f"{ROWS:,} x {COLUMNS} float64), {FOLDS} folds. The parent is told with all "
        "that it maps, its own copy of the table and the user's among it. A worker's "
        "*own* memory are its anonymous pages; all workers map the table from one "
        "file. The last column is a fresh process that holds the rows of one training "
        "part and fits the larger of the two estimators to them, nothing else.\n\n"
        + table([*head, "the estimator alone"], list(rows()))
        + "\n\nA worker holds its packages (0.3 tables) and one copy of the training "
        "rows (0.8), which is scaled in place and lent to the estimator, so that a fit "
        "in the library takes less than the same fit by hand. LinearRegression cannot "
        "be brought lower: LAPACK's least squares, which it calls, copies the rows "
        "once more (0.8)."
    )
    report("memory", text, write)


if __name__ == "__main__":
    main()
