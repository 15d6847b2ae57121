"""A network without random effects, one with them, and a linear mixed model.

200 groups of 20 rows with known fixed effects and known covariance G; prints Markdown
tables of estimates beside the truth; docs/pictures/neural.py draws them.

    python -m benchmarks.neural_demonstration [--replications 20]
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import argparse
import time
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import mean_squared_error, r2_score

from benchmarks._neural_designs import NOISE, SHAPES, Drawn, curves
from benchmarks.neural_accuracy import markdown
from flexcv.models import LinearMixedEffectsModel, NeuralMixedEffectsRegressor

MODELS = {
    "network": lambda seed: NeuralMixedEffectsRegressor(random_state=seed),
    "network with random effects": lambda seed: NeuralMixedEffectsRegressor(
        "group", "t", random_state=seed
    ),
    "linear mixed model": lambda _: LinearMixedEffectsModel("group", "t", reml=False),
}


def fitted(name: str, drawn: Drawn, y: Any, seed: int) -> tuple[Any, pd.DataFrame]:
    """Fit a model; the plain network does not see the groups."""
    table = drawn.table if name != "network" else drawn.table[["x", "t"]]
    return MODELS[name](seed).fit(table[drawn.train], y[drawn.train]), table


def replication(name: str, shape: str, seed: int) -> dict[str, float]:
    """Return the estimates of one model on one table."""
    drawn, y = curves(shape, seed)
    start = time.process_time()
    model, table = fitted(name, drawn, y, seed)
    seconds = time.process_time() - start
    test = ~drawn.train
    predicted = model.predict(table[test])
    population = model.predict(table.assign(group=-1)) if "group" in table else None
    fixed = model.predict(table) if population is None else population
    row = {
        "slope of x": np.polyfit(drawn.table["x"], fixed, 1)[0],
        "error of f": np.std(fixed - drawn.fixed),
        "residual variance": model.sigma_**2,
        "test MSE": mean_squared_error(y[test], predicted),
        "test R2": r2_score(y[test], predicted),
        "CPU s": seconds,
    }
    if name == "network":
        return row
    found, realised = model.random_part_.covariances[0], np.cov(drawn.effects.T)
    distance = np.linalg.norm(found - realised) / np.linalg.norm(realised)
    return row | {
        "G11": found[0, 0],
        "G12": found[0, 1],
        "G22": found[1, 1],
        "distance of G": 100.0 * distance,
    }


def truth(shape: str, replications: int) -> dict[str, float]:
    """Return the true values; G as realised, averaged over the tables."""
    realised = []
    slopes = []
    for seed in range(replications):
        drawn, _ = curves(shape, seed)
        realised.append(np.cov(drawn.effects.T))
        slopes.append(np.polyfit(drawn.table["x"], drawn.fixed, 1)[0])
    mean = np.mean(realised, axis=0)
    return {
        "slope of x": float(np.mean(slopes)),
        "error of f": 0.0,
        "residual variance": NOISE,
        "G11": mean[0, 0],
        "G12": mean[0, 1],
        "G22": mean[1, 1],
    }


def table(shape: str, replications: int) -> str:
    """Return means over replications, with standard deviations in brackets."""
    columns = [
        *("slope of x", "error of f", "G11", "G12", "G22", "distance of G"),
        *("residual variance", "test MSE", "test R2", "CPU s"),
    ]
    known = truth(shape, replications)
    rows = [["truth", *(f"{known[c]:.3f}" if c in known else "" for c in columns)]]
    for name in MODELS:
        made = pd.DataFrame([replication(name, shape, s) for s in range(replications)])
        rows.append([name, *(_cell(made, column) for column in columns)])
    return markdown(pd.DataFrame(rows, columns=["model", *columns]))


def _cell(made: pd.DataFrame, column: str) -> str:
    if column not in made:
        return ""
    mean, sd = made[column].mean(), made[column].std()
    if column == "distance of G":
        return f"{mean:.1f} % ({sd:.1f})"
    return f"{mean:.3f} ({sd:.3f})"


def formula(shape: str) -> str:
    return {"linear": "1.5 x", "wave": "2 sin 2x"}[shape]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replications", type=int, default=20)
    parser.add_argument("--shape", choices=tuple(SHAPES))
    asked = parser.parse_args()
    for shape in SHAPES if asked.shape is None else [asked.shape]:
        print(f"f = {formula(shape)}\n\n{table(shape, asked.replications)}\n")


if __name__ == "__main__":
    main()
