"""What a linear mixed model says at a given theta, from rows and not from sums.

A triangularisation of the rows subtracts nothing, so it decides between two programs
that differ by what rounding may have done.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.linalg import solve_triangular

from benchmarks._lme4_draws import Case
from benchmarks._lme4_fits import Fit
from flexcv.models import LinearMixedEffectsModel
from flexcv.models.design._effects import Columns
from flexcv.models.gaussian.covariance import split_theta


def reading_of_rows(
    model: LinearMixedEffectsModel, case: Case, theta: np.ndarray
) -> Fit:
    """Give criterion, fixed effects, standard errors, sigma and predictions.

    With R of the rows (Z Lambda, X, y) above (I, 0, 0), the criterion needs R's
    diagonal; random and fixed effects solve it.
    """
    z, fixed, offset = _numbers(model, case.table, theta)
    w = np.ones(len(z)) if case.weights is None else case.table[case.weights]
    used = np.abs(z).max(axis=0) > 0.0  # columns of zeros change nothing
    target = case.table["y"].to_numpy() - offset
    upper = _triangle(z[:, used], fixed, target, np.asarray(w, dtype=float))
    n, p, m = *fixed.shape, int(used.sum())
    free = n - p if case.reml else n
    sigma = float(np.abs(upper[-1, -1]) / np.sqrt(free))
    sizes = np.log(np.abs(upper.diagonal()))
    value = 2.0 * sizes[: m + p if case.reml else m].sum() - np.log(w).sum()
    solved = solve_triangular(upper[:-1, :-1], upper[:-1, -1])
    root = solve_triangular(upper[m:-1, m:-1], np.eye(p))
    z_new, fixed_new, offset_new = _numbers(model, case.new, theta)
    population = fixed_new @ solved[m:] + offset_new
    return {
        "criterion": float(value + free * (1.0 + np.log(2.0 * np.pi * sigma**2))),
        "beta": solved[m:],
        "se": sigma * np.linalg.norm(root, axis=1),
        "sigma": sigma,
        "population": population,
        "known": population + z_new[:, used] @ solved[:m],
    }


def _numbers(
    model: LinearMixedEffectsModel, table: pd.DataFrame, theta: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give Z Lambda, the kept fixed columns and the offset of a table."""
    source = Columns(table)
    shapes = model.estimate_.problem.shapes
    pieces = split_theta(np.asarray(theta, dtype=float), shapes)
    parts = []
    for factor, shape, own in zip(
        model.random_encoder_.design(source).factors, shapes, pieces, strict=True
    ):
        scaled = np.column_stack(factor.columns) @ shape.factor(own)
        units = np.eye(factor.n_levels + 1, factor.n_levels)[factor.codes]
        parts += [units * column[:, None] for column in scaled.T]
    columns = model.fixed_encoder_.columns(source)
    fixed = np.column_stack([columns[k] for k in model.estimate_.basis.kept])
    return np.hstack(parts), fixed, model._offset(source)


def _triangle(
    z: np.ndarray, fixed: np.ndarray, target: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    upper = np.sqrt(weights)[:, None] * np.column_stack([z, fixed, target])
    rows = np.vstack([np.eye(z.shape[1], upper.shape[1]), upper])
    return np.asarray(np.linalg.qr(rows, mode="r"))
