"""Small designs of several grouping factors, and what their criterion is by definition."""

from __future__ import annotations

import numpy as np
import pandas as pd

from flexcv.arrays import FloatArray
from flexcv.models.design._effects import Columns
from flexcv.models.design.columns import RandomDesign, learn_fixed, learn_random
from flexcv.models.design.terms import random_terms


def rows_of(random: str, seed: int = 3, n: int = 90):
    """Return fixed columns, random design, target and the column of ones."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "x": rng.normal(size=n),
            "a": rng.integers(0, 9, n),
            "b": rng.integers(0, 5, n),
        }
    )
    effects = rng.normal(size=9)[table["a"]] + 0.5 * rng.normal(size=5)[table["b"]]
    y = (effects * (1 + 0.4 * table["x"]) + rng.normal(size=n)).to_numpy()
    source = Columns(table)
    _, design = learn_random(source, random_terms(random=random))
    columns = learn_fixed(table, leave_out=["a", "b"]).columns(source)
    return columns, design, y, source.ones


def z_of(design: RandomDesign) -> FloatArray:
    """Return Z, its columns ordered by factor, effect and level."""
    return np.hstack(
        [
            column[:, None] * np.eye(factor.n_levels)[factor.codes]
            for factor in design.factors
            for column in factor.columns
        ]
    )


def criterion_by_definition(
    x: FloatArray, z: FloatArray, y: FloatArray, d: FloatArray, *, reml: bool
) -> float:
    """Return -2 log-likelihood with beta and sigma profiled out, from the full V."""
    v = np.eye(len(y)) + z @ d @ z.T
    inverse = np.linalg.inv(v)
    square = x.T @ inverse @ x
    left = y - x @ np.linalg.solve(square, x.T @ inverse @ y)
    free = len(y) - x.shape[1] * reml
    r2 = float(left @ inverse @ left)
    value = np.linalg.slogdet(v)[1] + free * (1.0 + np.log(2.0 * np.pi * r2 / free))
    return float(value + reml * np.linalg.slogdet(square)[1])
