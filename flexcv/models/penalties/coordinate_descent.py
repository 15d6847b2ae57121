r"""Penalised least squares on whitened rows, by scikit-learn's coordinate descent.

With S'S = V^-1 the coefficients minimise

.. math:: \frac{1}{2n} \|S(y - U\gamma - X\beta)\|^2 + \alpha \sum_j \Big(
          \rho\,\omega_j |\beta_j| + \frac{1 - \rho}{2}\,\omega_j^2 \beta_j^2 \Big)

over :math:`\beta` and the unpenalised :math:`\gamma`. The columns of SU are projected
out of SX and Sy first, and :math:`\omega_j` is the root mean square of what is left of
column j, or one. Standardising before whitening would not do: whitening shrinks a
column that is constant within groups, so its penalty would grow.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning as SolverWarning
from sklearn.linear_model import enet_path

from flexcv.arrays import FloatArray, IntArray
from flexcv.models.design.columns import RandomDesign

from .whitening import Whitening, some_rows

EMPTY = 1e-9  # share of a column left by the unpenalised ones that is rounding
RANK = 1e-10  # singular value, relative to the largest, that is rounding
LEAST_L1 = 1e-3  # share of the lasso that fixes where a ridge path begins
PATH_TOL = 1e-5  # duality gap over y'y along a path
FINAL_TOL = 1e-7  # the same before the active set is solved exactly
EXACT_TOL = 1e-13  # the same where that is not possible
MAX_SWEEPS = 10_000
SIGNS_KEPT = 1e-9  # by how much, over alpha, an optimality condition may be missed


@dataclass(frozen=True, slots=True, eq=False)
class PenalisedRows:
    """The rows of one table as the model sees them.

    Attributes
    ----------
    penalised
        Columns with a penalty, centred, shape (n_rows, n_penalised).
    free
        Columns without, the intercept first, shape (n_rows, n_free).
    target
        The target, shape (n_rows,).
    design
        The random part.
    weights
        Inverse relative residual variances; None where all are one.
    counts
        How often each row counts; None where all count once.
    """

    penalised: FloatArray
    free: FloatArray
    target: FloatArray
    design: RandomDesign
    weights: FloatArray | None = None
    counts: FloatArray | None = None

    @property
    def total(self) -> float:
        """How many rows there are, each as often as it counts."""
        if self.counts is None:
            return float(len(self.target))
        return float(self.counts.sum())

    def take(self, rows: IntArray) -> PenalisedRows:
        """Keep the given rows."""
        return PenalisedRows(
            self.penalised[rows],
            self.free[rows],
            self.target[rows],
            some_rows(self.design, rows),
            None if self.weights is None else self.weights[rows],
            None if self.counts is None else self.counts[rows],
        )


@dataclass(frozen=True, slots=True, eq=False)
class WhitenedRows:
    """Whitened rows with the unpenalised columns projected out.

    Attributes
    ----------
    columns
        What is left of the penalised columns, each divided by its scale.
    target
        What is left of the target.
    scale
        The omegas; columns of which nothing is left are zero and have scale one.
    free_of_columns, free_of_target
        Coefficients of the projections, to find gamma when beta is known.
    n_rows
        Rows before whitening, each as often as it counts.
    """

    columns: FloatArray
    target: FloatArray
    scale: FloatArray
    free_of_columns: FloatArray
    free_of_target: FloatArray
    n_rows: float

    @property
    def correlations(self) -> FloatArray:
        """X'y / n of what is left."""
        return np.asarray(self.columns.T @ self.target / self.n_rows)

    def free(self, coefficients: FloatArray) -> FloatArray:
        """Return gamma for beta, or for each column of betas."""
        taken = self.free_of_columns @ coefficients
        return np.asarray((self.free_of_target - taken.T).T)


def whitened_rows(
    rows: PenalisedRows,
    whitening: Whitening,
    *,
    standardise: bool,
    scale: FloatArray | None = None,
) -> WhitenedRows:
    """Whiten, project the unpenalised columns out, and scale.

    Parameters
    ----------
    rows
        The rows.
    whitening
        Of the same rows.
    standardise
        Whether the omegas are the columns' root mean squares.
    scale
        Omegas to use instead, those of the whole table for a fold of it.
    """
    columns, target = whitening(rows.penalised), whitening(rows.target)
    back, basis = _basis(whitening(rows.free))
    of_columns, of_target = basis.T @ columns, basis.T @ target
    before = np.linalg.norm(columns, axis=0)
    left = np.asfortranarray(columns - basis @ of_columns)
    size = np.linalg.norm(left, axis=0)
    empty = size <= EMPTY * before
    left[:, empty] = 0.0
    if scale is None:
        root_mean = size / np.sqrt(rows.total)
        scale = root_mean if standardise else np.ones(len(size))
        scale = np.where(empty, 1.0, scale)
    left /= scale
    return WhitenedRows(
        left,
        target - basis @ of_target,
        scale,
        back @ of_columns,
        back @ of_target,
        rows.total,
    )


def largest_alpha(rows: WhitenedRows, l1_ratio: float) -> float:
    """Return the least alpha that sets every penalised coefficient to zero.

    A ridge has none; there the one for a share of a thousandth of the lasso is given.
    """
    peak = float(np.abs(rows.correlations).max(initial=0.0))
    return peak / max(l1_ratio, LEAST_L1)


def coefficient_path(
    rows: WhitenedRows, alphas: FloatArray, l1_ratio: float
) -> FloatArray:
    """Return beta along falling alphas, shape (n_penalised, n_alphas).

    Parameters
    ----------
    rows
        Whitened rows.
    alphas
        Penalties, from the largest to the smallest.
    l1_ratio
        The share rho of the lasso in the penalty.
    """
    if l1_ratio == 0.0:
        found = _ridge(rows, alphas)
    else:
        found = _descend(rows, alphas, l1_ratio, PATH_TOL, None)
    return np.asarray((found.T / rows.scale).T)


def solve(
    rows: WhitenedRows, alpha: float, l1_ratio: float, start: FloatArray | None = None
) -> FloatArray:
    """Return beta at one alpha, to rounding.

    Parameters
    ----------
    rows
        Whitened rows.
    alpha, l1_ratio
        The penalty.
    start
        A beta to begin from.

    Examples
    --------
    >>> rows = WhitenedRows(
    ...     np.array([[1.0], [-1.0]]),
    ...     np.array([2.0, -2.0]),
    ...     np.ones(1),
    ...     np.zeros((0, 1)),
    ...     np.zeros(0),
    ...     2,
    ... )
    >>> solve(rows, 0.5, 1.0), solve(rows, 1.0, 0.0)
    (array([1.5]), array([1.]))
    """
    if l1_ratio == 0.0:
        return np.asarray(_ridge(rows, np.array([alpha]))[:, 0] / rows.scale)
    begin = None if start is None else start * rows.scale
    if begin is not None and begin.any():
        exact = _on_active_set(rows, begin, alpha, l1_ratio)
        if exact is not None:
            return np.asarray(exact / rows.scale)
    alphas = np.array([alpha])
    rough = _descend(rows, alphas, l1_ratio, FINAL_TOL, begin)[:, 0]
    exact = _on_active_set(rows, rough, alpha, l1_ratio)
    if exact is None:
        exact = _descend(rows, alphas, l1_ratio, EXACT_TOL, rough)[:, 0]
    return np.asarray(exact / rows.scale)


def _basis(free: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return B and an orthonormal Q with U^+ = B Q', also for dependent columns."""
    left, values, right = np.linalg.svd(free, full_matrices=False)
    kept = values > RANK * values.max(initial=0.0)
    return np.asarray(right[kept].T / values[kept]), left[:, kept]


def _descend(
    rows: WhitenedRows,
    alphas: FloatArray,
    l1_ratio: float,
    tol: float,
    start: FloatArray | None,
) -> FloatArray:
    """Run coordinate descent; what it leaves open the conditions will tell."""
    options: dict[str, Any] = {"tol": tol, "max_iter": MAX_SWEEPS}
    if start is not None:
        options["coef_init"] = np.ascontiguousarray(start)
    if not rows.columns.any() or not rows.target.any():
        return np.zeros((rows.columns.shape[1], len(alphas)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SolverWarning)
        _, found, _ = enet_path(
            rows.columns,
            rows.target,
            l1_ratio=l1_ratio,
            alphas=alphas * (rows.n_rows / len(rows.target)),
            check_input=False,
            random_state=0,  # unused, but None would draw from numpy's generator
            **_products(rows),
            **options,
        )
    return np.asarray(found)


def _products(rows: WhitenedRows) -> dict[str, Any]:
    """Return X'X and X'y where there are more rows than columns.

    Without checks of its input, scikit-learn 1.6 does not find them by itself.
    """
    columns, target = rows.columns, rows.target
    if len(target) <= columns.shape[1]:
        return {"precompute": False}
    return {"precompute": columns.T @ columns, "Xy": columns.T @ target}


def _on_active_set(
    rows: WhitenedRows, rough: FloatArray, alpha: float, l1_ratio: float
) -> FloatArray | None:
    """Solve for the coefficients that are not zero; None where that is no optimum."""
    active = np.flatnonzero(rough)
    signs = np.sign(rough[active])
    own = rows.columns[:, active]
    square = own.T @ own / rows.n_rows
    square[np.diag_indices(len(active))] += alpha * (1.0 - l1_ratio)
    right = rows.correlations[active] - alpha * l1_ratio * signs
    try:
        values = np.linalg.solve(square, right)
    except np.linalg.LinAlgError:
        return None
    found = np.zeros(len(rough))
    found[active] = values
    if (values * signs <= 0.0).any():
        return None
    missed = optimality_gap(rows, found, alpha, l1_ratio)
    return found if missed <= SIGNS_KEPT * alpha * l1_ratio else None


def optimality_gap(
    rows: WhitenedRows, scaled: FloatArray, alpha: float, l1_ratio: float
) -> float:
    """Return by how much the worst optimality condition is missed.

    Parameters
    ----------
    rows
        Whitened rows.
    scaled
        Coefficients of the scaled columns, omega times beta.
    alpha, l1_ratio
        The penalty.
    """
    left = rows.target - rows.columns @ scaled
    pull = rows.columns.T @ left / rows.n_rows - alpha * (1.0 - l1_ratio) * scaled
    bound = alpha * l1_ratio
    gaps = np.where(
        scaled != 0.0, np.abs(pull - bound * np.sign(scaled)), np.abs(pull) - bound
    )
    return float(gaps.max(initial=0.0))


def _ridge(rows: WhitenedRows, alphas: FloatArray) -> FloatArray:
    """Solve a ridge for every alpha from one singular value decomposition."""
    left, values, right = np.linalg.svd(rows.columns, full_matrices=False)
    moments = values * (left.T @ rows.target)
    shrunk = moments[:, None] / (values[:, None] ** 2 + rows.n_rows * alphas)
    found = right.T @ shrunk
    found[~rows.columns.any(axis=0)] = 0.0
    return np.asarray(found)
