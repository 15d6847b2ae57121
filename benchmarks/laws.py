"""How far predictions move where nothing should move them, on random tables.

    python benchmarks/laws.py --tables 200 --seconds 60

For every family and every change of `flexcv.testing.CHANGES` (the same seed again,
groups with other names or labels of another kind, other units of the target, rows and
columns in another order), and for a pickle: the largest move of a prediction over all
tables, in standard deviations of the predictions or, for two classes, as a probability.
Printed as a table with a row per family, which gets so many seconds at most; the last
columns tell how many tables it saw. ``--families`` picks some by a part of a name.
"""

from __future__ import annotations

import argparse
import pickle
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge

from flexcv.merf import MERF
from flexcv.models import (
    DeepMixtureLMM,
    GeneralizedLinearMixedModel,
    LinearMixedEffectsModel,
    MixedEffectsBoosting,
    NeuralMixedEffectsClassifier,
    NeuralMixedEffectsRegressor,
    PenalizedGeneralizedMixedModel,
    PenalizedLinearMixedModel,
)
from flexcv.testing import CHANGES, Sample, largest_move
from flexcv.testing.changes import answers, fitted

BOOSTING = {"max_iterations": 15, "random_state": 0}
NEURAL = {"n_epochs": 2, "hidden_layer_sizes": (8,), "random_state": 0}
MERF_SHORT = {"random_state": 0, "max_iterations": 2, "tol": None}
FOREST = RandomForestRegressor(50, min_samples_leaf=5, random_state=0)
MIXTURE = {"time": "x0", "n_components": (2,), "n_basis": 4, "random_state": 0}
FAMILIES: dict[str, tuple[str, Callable[..., Any]]] = {
    "LMM": ("numbers", LinearMixedEffectsModel),
    "GLMM binomial": ("classes", GeneralizedLinearMixedModel),
    "GLMM poisson": ("counts", partial(GeneralizedLinearMixedModel, family="poisson")),
    "lasso": ("numbers", PenalizedLinearMixedModel),
    "ridge": ("numbers", partial(PenalizedLinearMixedModel, penalty="l2")),
    "elastic net": (
        "numbers",
        partial(PenalizedLinearMixedModel, penalty="elasticnet"),
    ),
    "lasso binomial": (
        "classes",
        partial(PenalizedGeneralizedMixedModel, n_alphas=10, max_iterations=3),
    ),
    "boosting": ("numbers", partial(MixedEffectsBoosting, **BOOSTING)),
    "boosting binomial": (
        "classes",
        partial(MixedEffectsBoosting, family="binomial", **BOOSTING),
    ),
    "MERF of a ridge": ("numbers", partial(MERF, Ridge(), random_state=0)),
    "MERF of a forest": ("numbers", partial(MERF, FOREST, **MERF_SHORT)),
    "MERF binomial": (
        "classes",
        partial(MERF, LogisticRegression(), family="binomial", **MERF_SHORT),
    ),
    "neural": ("numbers", partial(NeuralMixedEffectsRegressor, **NEURAL)),
    "neural binomial": ("classes", partial(NeuralMixedEffectsClassifier, **NEURAL)),
    "deep mixture": ("numbers", partial(DeepMixtureLMM, **MIXTURE)),
}


def random_sample(seed: int, outcome: str) -> Sample:
    """Draw a table of random size, with effects of the groups of random spread."""
    draws = np.random.default_rng(seed)
    n_groups, n_rows = int(draws.integers(6, 16)), int(draws.integers(4, 9))
    n_columns = int(draws.integers(2, 5))
    codes = draws.permutation(np.repeat(np.arange(n_groups), n_rows))
    table = pd.DataFrame(draws.normal(size=(len(codes), n_columns))).add_prefix("x")
    table["g"] = codes
    effects = draws.choice([0.3, 1.0, 3.0]) * draws.normal(size=n_groups)
    y = table["x0"] + np.sin(2.0 * table["x1"]) + effects[codes]
    y = y.to_numpy() + draws.normal(size=len(codes))
    if outcome == "classes":
        y = (y > np.median(y)).astype(np.float64)
    if outcome == "counts":
        y = draws.poisson(np.exp(np.clip(0.4 * y, -3.0, 3.0))).astype(np.float64)
    return Sample(table, y, "g", outcome)


def pickle_move(make: Callable[..., Any], sample: Sample) -> float:
    """Return how far predictions move when a model is pickled."""
    model = fitted(make, sample)
    thawed = pickle.loads(pickle.dumps(model))
    return float(np.abs(answers(thawed, sample) - answers(model, sample)).max())


def moves_of(
    make: Callable[..., Any], outcome: str, n_tables: int, seconds: float
) -> tuple[dict[str, float], int, int]:
    """Return the largest moves, and how many tables were refused of how many."""
    largest = dict.fromkeys([*CHANGES, "pickle"], 0.0)
    began, refused, seen = time.perf_counter(), 0, 0
    for seed in range(n_tables):
        if time.perf_counter() - began > seconds:
            break
        seen += 1
        sample = random_sample(seed, outcome)
        try:
            found = {
                name: largest_move(make, sample, change, seed=seed)
                for name, change in CHANGES.items()
            }
            found["pickle"] = pickle_move(make, sample)
        except ValueError:
            refused += 1
            continue
        largest = {name: max(largest[name], move) for name, move in found.items()}
    return largest, refused, seen


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--families", default="")
    options = parser.parse_args()
    names = [*CHANGES, "pickle"]
    print("| family | " + " | ".join(names) + " | tables | refused |")
    print("|" + " --- |" * (len(names) + 3))
    for family, (outcome, make) in FAMILIES.items():
        if options.families not in family:
            continue
        moves, refused, seen = moves_of(make, outcome, options.tables, options.seconds)
        told = " | ".join(f"{moves[name]:.1g}" for name in names)
        print(f"| {family} | {told} | {seen} | {refused} |", flush=True)


if __name__ == "__main__":
    main()
