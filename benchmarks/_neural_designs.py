"""Simulated tables with a known fixed part, known effects and a known best error.

The wavy designs are after Simchoni & Rosset (2023), *Integrating random effects in deep
neural networks*, J. Mach. Learn. Res. 24(156): ten features uniform on (-1, 1) with
sum s, f = s cos(s) + 2 x1 x2, groups of uneven size (multinomial with weights one more
than a Poisson number of mean 30), noise of variance 1. With slopes, t is uniform on
(0, 1), a feature as well, and Z = [1, t, t^2] with independent effects.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from flexcv.arrays import FloatArray

CURVE = ("t", "I(t**2)")


@dataclass(frozen=True, slots=True)
class Wavy:
    """A wavy fixed part with group effects.

    Attributes
    ----------
    n_rows, n_groups
        Size, test rows included.
    variances
        Of the effects of 1, t and t^2, or of 1 alone.
    future
        Test on the last fifth in t instead of a random fifth.
    """

    n_rows: int
    n_groups: int
    variances: tuple[float, ...]
    future: bool = False

    @property
    def slopes(self) -> tuple[str, ...]:
        """What a model names as slopes."""
        return CURVE[: len(self.variances) - 1]


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """One table.

    Attributes
    ----------
    table
        The features and the column `group`.
    fixed, effects, predictor
        f, b of shape (groups, effects), and f + Z b.
    z
        The random columns, shape (n_rows, effects).
    train
        Which rows to learn from.
    """

    table: pd.DataFrame
    fixed: FloatArray
    effects: FloatArray
    predictor: FloatArray
    z: FloatArray
    train: npt.NDArray[np.bool_]


def wavy(design: Wavy, rng: np.random.Generator) -> Drawn:
    """Draw one table of a wavy design."""
    weights = rng.poisson(30, design.n_groups) + 1
    counts = rng.multinomial(design.n_rows, weights / weights.sum())
    group = np.repeat(np.arange(design.n_groups), counts)
    x = rng.uniform(-1.0, 1.0, (design.n_rows, 10))
    total = x.sum(axis=1)
    fixed = total * np.cos(total) + 2.0 * x[:, 0] * x[:, 1]
    t = rng.uniform(size=design.n_rows)
    sds = np.sqrt(design.variances)
    effects = sds * rng.normal(size=(design.n_groups, len(sds)))
    z = t[:, None] ** np.arange(len(sds))
    table = pd.DataFrame(x, columns=[f"x{k}" for k in range(1, 11)])
    if len(sds) > 1:
        table["t"] = t
    table["group"] = group
    train = np.ones(design.n_rows, dtype=bool)
    if design.future:
        train = t < np.quantile(t, 0.8)
    else:
        train[rng.permutation(design.n_rows)[: design.n_rows // 5]] = False
    predictor = fixed + (z * effects[group]).sum(axis=1)
    return Drawn(table, fixed, effects, predictor, z, train)


def best_error(drawn: Drawn, y: FloatArray, variances: tuple[float, ...]) -> float:
    """Return the test error of who knows f, the variances and the noise.

    Nobody can know the effects: they are predicted from the training rows of their
    group with the true variances.
    """
    left, group = y - drawn.fixed, drawn.table["group"].to_numpy()
    n_groups, k = drawn.effects.shape
    train = drawn.train
    z, codes = drawn.z[train], group[train]
    products = np.zeros((n_groups, k, k))
    np.add.at(products, codes, z[:, :, None] * z[:, None, :])
    sums = np.zeros((n_groups, k))
    np.add.at(sums, codes, z * left[train, None])
    precision = products + np.diag(1.0 / np.asarray(variances))
    known = np.linalg.solve(precision, sums[:, :, None])[:, :, 0]
    errors = left - (drawn.z * known[group]).sum(axis=1)
    return float(np.mean(errors[~train] ** 2))


COVARIANCE = np.array([[1.0, 0.5], [0.5, 1.5]])
NOISE = 0.09
SHAPES = {"linear": lambda x: 1.5 * x, "wave": lambda x: 2.0 * np.sin(2.0 * x)}


def curves(shape: str, seed: int) -> tuple[Drawn, FloatArray]:
    """Draw 200 groups of 20 times with correlated intercepts and slopes, and y.

    x is standard normal, t runs from 0 to 1 in each group, f is 1.5 x or 2 sin(2 x),
    and a random fifth of the rows is kept for the test.
    """
    rng = np.random.default_rng([seed, len(shape)])
    group = np.repeat(np.arange(200), 20)
    t = np.tile(np.linspace(0.0, 1.0, 20), 200)
    x = rng.normal(size=4000)
    effects = rng.multivariate_normal([0.0, 0.0], COVARIANCE, 200)
    fixed = SHAPES[shape](x)
    z = np.stack([np.ones(4000), t], axis=1)
    predictor = fixed + (z * effects[group]).sum(axis=1)
    y = predictor + np.sqrt(NOISE) * rng.normal(size=4000)
    train = np.ones(4000, dtype=bool)
    train[rng.permutation(4000)[:800]] = False
    table = pd.DataFrame({"x": x, "t": t, "group": group})
    return Drawn(table, fixed, effects, predictor, z, train), y
