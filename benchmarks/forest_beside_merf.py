"""MERF around a forest beside the package merf 1.0, on the tree-friendly design.

Prints a Markdown table: mean squared errors of new rows of known and of new groups.
Run ``OMP_NUM_THREADS=1 python benchmarks/forest_beside_merf.py``.
"""

from __future__ import annotations

import logging
import sys
import time
from pathlib import Path

import numpy as np
from sklearn.ensemble import RandomForestRegressor

HERE = str(Path(__file__).parent)
# A script beside this one is called like the package: the package comes first.
sys.path[:] = [path for path in sys.path if path != HERE]
import merf as package

sys.path.append(HERE)
from _merf_designs import Design, Draw, Drawn, draw, rough

from flexcv.merf import MERF

SEEDS = range(4)
N_TEST = 25
ITERATIONS = 20  # of the rival, which is its default; ours stops by its own rule
FOREST = RandomForestRegressor(200, random_state=0)


def ours(drawn: Draw) -> tuple[float, ...]:
    """Return both errors, the residual variance and seconds of MERF."""
    start = time.process_time()
    model = MERF(FOREST, "group", random_state=0).fit(
        drawn.train.table, drawn.train.target
    )
    seconds = time.process_time() - start
    errors = [squared(model.predict(part.table), part) for part in rest(drawn)]
    return (*errors, model.sigma_**2, seconds)


def rivals(drawn: Draw) -> tuple[float, ...]:
    """Return the same of the package merf."""
    logging.disable(logging.INFO)  # it logs every iteration
    start = time.process_time()
    model = package.MERF(
        RandomForestRegressor(200, random_state=0), max_iterations=ITERATIONS
    )
    train = drawn.train
    model.fit(train.features, ones(train), train.table["group"], train.target)
    seconds = time.process_time() - start
    errors = [
        squared(model.predict(part.features, ones(part), part.table["group"]), part)
        for part in rest(drawn)
    ]
    return (*errors, float(model.sigma2_hat_history[-1]), seconds)


def rest(drawn: Draw) -> tuple[Drawn, Drawn]:
    return drawn.known, drawn.new


def ones(part: Drawn) -> np.ndarray:
    return np.ones((len(part.target), 1))


def squared(predicted: np.ndarray, part: Drawn) -> float:
    return float(np.mean((part.target - predicted) ** 2))


def main() -> None:
    heads = ["training rows", "method", "MSE, known groups", "MSE, new groups"]
    heads += ["sigma2", "CPU s"]
    print("| " + " | ".join(heads) + " |")
    print("| --- " * len(heads) + "|")
    for n_rows in (5, 20):
        design = Design("tree-friendly", rough, n_rows=n_rows, intercept=4.5)
        draws = [draw(design, seed, N_TEST) for seed in SEEDS]
        for name, method in {"MERF here": ours, "merf 1.0": rivals}.items():
            means = np.mean([method(one) for one in draws], axis=0)
            cells = [f"100 groups of {n_rows}", name]
            cells += [f"{value:.2f}" for value in means]
            print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
