"""How the cost grows with rows, folds, models and trials.

python benchmarks/scale.py [--write]
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import math
import sys
import time
from pathlib import Path

import numpy as np
from _execution_page import report, table
from matplotlib.figure import Figure
from optuna.distributions import FloatDistribution
from sklearn.linear_model import Ridge

from flexcv import CrossValidation

PICTURE = Path(__file__).parents[1] / "docs/images/execution/scale.svg"
AXES = {
    "rows": (1_000, 10_000, 100_000, 1_000_000),
    "folds": (5, 20, 80),
    "models": (1, 4, 16),
    "trials": (10, 40, 160),
}
USUAL = {"rows": 2_000, "folds": 5, "models": 1, "trials": 0}


def run(rows, folds, models, trials):
    """Run Ridge at this size and give CPU seconds."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, 10))
    cv = CrossValidation().set_data(X, X[:, 0] + rng.normal(size=rows))
    cv.set_splits(n_splits_out=folds, n_splits_in=3).set_inner_cv(max(trials, 1))
    space = {"alpha": FloatDistribution(1e-3, 1e3, log=True)}
    for number in range(models):
        cv.add_model(Ridge, params=space if trials else None, model_name=f"m{number}")
    start = time.process_time()
    assert len(cv.perform().results.summary)
    return time.process_time() - start


def power(sizes, seconds):
    """Give the exponent between the last two sizes: 1 is linear."""
    return math.log(seconds[-1] / seconds[-2]) / math.log(sizes[-1] / sizes[-2])


def draw(measured):
    """Draw every axis on logarithmic scales, beside a line of slope one."""
    figure = Figure(figsize=(9, 2.6), layout="constrained")
    for axes, (name, seconds) in zip(
        figure.subplots(1, len(measured)), measured.items(), strict=True
    ):
        sizes = AXES[name]
        axes.loglog(sizes, seconds, "o-", label="measured")
        line = [seconds[-1] * size / sizes[-1] for size in sizes]
        axes.loglog(sizes, line, ":", color="gray", label="proportional")
        axes.set_xlabel(name)
    figure.axes[0].set_ylabel("CPU seconds")
    figure.axes[0].legend(frameon=False)
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PICTURE, metadata={"Date": None})


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
    draw(measured)
    lines = [
        (
            name,
            ", ".join(f"{size:,}" for size in AXES[name]),
            ", ".join(f"{value:.2f}" for value in seconds),
            f"{power(AXES[name], seconds):.2f}",
        )
        for name, seconds in measured.items()
    ]
    text = (
        "## Growth\n\n"
        "Ridge on ten features; 2000 rows, 5 folds, one model, untuned, unless the "
        "row says otherwise. The exponent is taken between the last two sizes: 1 is "
        "proportional.\n\n"
        + table(["varied", "sizes", "CPU s", "exponent"], lines)
        + "\n\n![CPU seconds against size](../images/execution/scale.svg)"
    )
    report("scale", text, "--write" in sys.argv)


if __name__ == "__main__":
    main()
