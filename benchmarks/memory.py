"""Peak memory over a table of 1e6 x 50 numbers, 5 folds and two cheap models.

    python benchmarks/memory.py [--write]

Each case runs in a fresh process, which reports its own peak and, through the models'
predictions, nothing of its workers; those are sampled from /proc while it runs.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import subprocess
import sys
import time

import numpy as np
from _execution_page import report, table
from sklearn.linear_model import LinearRegression, SGDRegressor

from flexcv import CrossValidation

ROWS, COLUMNS = 1_000_000, 50
TABLE = ROWS * COLUMNS * 8
PAUSE = 0.05  # seconds between two looks


def run(n_jobs):
    """Run the case in this process."""
    X = np.random.default_rng(0).normal(size=(ROWS, COLUMNS))
    y = X[:, 0] + X[:, 1]
    cv = CrossValidation().set_data(X, y)
    cv.add_model(LinearRegression)
    cv.add_model(SGDRegressor, model_kwargs={"max_iter": 3, "tol": None})
    assert len(cv.set_run(n_jobs=n_jobs).perform().results.summary)


def high_water(process):
    """Give the peak of a process's own memory, and of all that it maps."""
    try:
        with open(f"/proc/{process}/status", encoding="utf-8") as stream:
            found = dict(line.split(":", 1) for line in stream)
        return 1024 * int(found["VmHWM"].split()[0]), 1024 * int(
            found["RssAnon"].split()[0]
        )
    except (OSError, KeyError, ValueError):
        return 0, 0


def children(process):
    """List a process's children and theirs."""
    try:
        with open(f"/proc/{process}/task/{process}/children", encoding="utf-8") as file:
            own = [int(number) for number in file.read().split()]
    except OSError:
        return []
    return own + [deep for child in own for deep in children(child)]


def watched(n_jobs):
    """Run the case elsewhere; give the peaks of the parent and the largest worker."""
    process = subprocess.Popen([sys.executable, __file__, str(n_jobs)])
    parent, worker, private = 0, 0, 0
    while process.poll() is None:
        parent = max(parent, high_water(process.pid)[0])
        for child in children(process.pid):
            peak, own = high_water(child)
            worker, private = max(worker, peak), max(private, own)
        time.sleep(PAUSE)
    assert process.returncode == 0
    return parent, worker, private


def main():
    """Print the table."""
    if len(sys.argv) > 1 and sys.argv[1].isdigit():
        run(int(sys.argv[1]))
        return
    lines = []
    for n_jobs in (1, 2):
        parent, worker, private = (peak / TABLE for peak in watched(n_jobs))
        shown = (f"{worker:.2f}", f"{private:.2f}") if n_jobs > 1 else ("", "")
        lines.append((n_jobs, f"{parent:.2f}", *shown))
    head = ["n_jobs", "parent", "largest worker", "of that its own"]
    text = (
        "## Memory\n\n"
        f"Peak resident memory over the size of the table ({TABLE / 1e6:.0f} MB: "
        f"{ROWS:,} x {COLUMNS} float64), 5 folds, LinearRegression and SGDRegressor. "
        "A worker's resident memory counts pages of the table that all workers map "
        "from one file; *its own* leaves those out.\n\n" + table(head, lines)
    )
    report("memory", text, "--write" in sys.argv)


if __name__ == "__main__":
    main()
