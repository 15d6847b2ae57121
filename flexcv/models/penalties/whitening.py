r"""Rows made independent: a square root of V^-1 for any random part.

With :math:`V = W^{-1} + Z D Z'` relative to the residual variance, and
:math:`A = W^{1/2} Z L`, :math:`D = L L'`, one grouping factor has the symmetric root

.. math:: (I + A A')^{-1/2} = I - A E \,\mathrm{diag}(1 / (1 + t + \sqrt{1 + t})) E' A'

level by level, where :math:`A'A = E \,\mathrm{diag}(t) E'`. For a random intercept it
subtracts a share of the level's mean from each row. Several factors have no such
blocks: there :math:`I - A M^{-1} A'` and :math:`-M^{-1} A'` with :math:`M = A'A + I`
are stacked, whose cross-products are those of :math:`V^{-1/2}` too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import csc_array, csr_array, eye_array
from scipy.sparse import hstack as sparse_hstack
from scipy.sparse.linalg import splu

from flexcv.arrays import FloatArray, IntArray
from flexcv.models.design.columns import RandomDesign, RandomFactor

DENSE_EFFECTS = 300  # up to here the system of several factors is solved densely

Product = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True, slots=True, eq=False)
class Whitening:
    """A linear map S of rows with S'S = V^-1.

    Attributes
    ----------
    loadings
        A, one column per effect of each level; None without random effects.
    factors, n_levels
        L and the number of levels, per factor.
    roots
        Square roots of the weights; None where all are one.
    solve
        Multiplies with (A'A + I)^-1.
    half
        Multiplies with the middle of the symmetric root; None with several factors.
    """

    loadings: csr_array | None
    factors: tuple[FloatArray, ...]
    n_levels: tuple[int, ...]
    roots: FloatArray | None
    solve: Product
    half: Product | None

    def __call__(self, rows: FloatArray) -> FloatArray:
        """Return S times a vector or the columns of a matrix.

        With several factors the result has a row per random effect more.
        """
        weighted = self._weighted(rows)
        if self.loadings is None:
            return weighted
        moments = self.loadings.T @ weighted
        if self.half is not None:
            return np.asarray(weighted - self.loadings @ self.half(moments))
        solved = self.solve(moments)
        return np.concatenate([weighted - self.loadings @ solved, -solved])

    def effects(self, residuals: FloatArray) -> tuple[FloatArray, ...]:
        """Predict b = D Z'V^-1 r per factor, shape (levels, effects)."""
        if self.loadings is None:
            return ()
        solved = self.solve(self.loadings.T @ self._weighted(residuals))
        parts, start = [], 0
        for factor, n_levels in zip(self.factors, self.n_levels, strict=True):
            stop = start + n_levels * len(factor)
            parts.append(solved[start:stop].reshape(n_levels, -1) @ factor.T)
            start = stop
        return tuple(parts)

    def _weighted(self, rows: FloatArray) -> FloatArray:
        return rows if self.roots is None else np.asarray((self.roots * rows.T).T)


def learn_whitening(
    design: RandomDesign,
    relative: Sequence[FloatArray],
    weights: FloatArray | None = None,
) -> Whitening:
    """Return the whitening of a table's rows.

    Parameters
    ----------
    design
        The random part, with all levels known.
    relative
        Per factor D, the covariance of the effects over the residual variance.
    weights
        Inverse relative residual variances; by default one.

    Examples
    --------
    >>> import pandas as pd
    >>> from flexcv.models.design.columns import Columns, learn_random
    >>> from flexcv.models.design.terms import RandomTerm
    >>> table = pd.DataFrame({"g": ["a", "a", "b", "b"]})
    >>> _, design = learn_random(Columns(table), [RandomTerm("g")])
    >>> whiten = learn_whitening(design, [np.array([[1.5]])])
    >>> whiten(np.array([1.0, 1.0, 1.0, -1.0]))
    array([ 0.5,  0.5,  1. , -1. ])
    """
    roots = None if weights is None else np.sqrt(weights)
    factors = tuple(square_root(covariance) for covariance in relative)
    n_levels = tuple(factor.n_levels for factor in design.factors)
    if not design.factors:
        return Whitening(None, (), (), roots, np.copy, None)
    parts = [
        _loadings(factor, root, roots)
        for factor, root in zip(design.factors, factors, strict=True)
    ]
    if len(parts) > 1:
        together = csr_array(sparse_hstack(parts, format="csr"))
        system = _solver(csc_array(together.T @ together))
        return Whitening(together, factors, n_levels, roots, system, None)
    solve, half = _level_products(parts[0], n_levels[0], len(factors[0]))
    return Whitening(parts[0], factors, n_levels, roots, solve, half)


def some_rows(design: RandomDesign, rows: IntArray) -> RandomDesign:
    """Keep the given rows and all levels."""
    factors = tuple(
        replace(
            factor,
            codes=factor.codes[rows],
            columns=tuple(column[rows] for column in factor.columns),
        )
        for factor in design.factors
    )
    return RandomDesign(factors, len(rows))


def square_root(covariance: FloatArray) -> FloatArray:
    """Return L with D = L L', which exists while a variance is zero."""
    values, axes = np.linalg.eigh(covariance)
    return np.asarray(axes * np.sqrt(np.maximum(values, 0.0)))


def _loadings(
    factor: RandomFactor, root: FloatArray, weights: FloatArray | None
) -> csr_array:
    """Return A of one factor, ordered by level, then by effect."""
    n, q = len(factor.codes), factor.n_effects
    values = np.stack(factor.columns, axis=1) @ root
    if weights is not None:
        values = weights[:, None] * values
    cols = factor.codes[:, None] * q + np.arange(q)
    starts = np.arange(0, n * q + 1, q)
    shape = (n, q * factor.n_levels)
    return csr_array((values.ravel(), cols.ravel(), starts), shape=shape)


def _level_products(
    loadings: csr_array, n_levels: int, q: int
) -> tuple[Product, Product]:
    """Return the two products of one factor from the eigenvalues of A'A by level."""
    dense, codes = loadings.data.reshape(-1, q), loadings.indices[::q] // q
    squares = np.zeros((n_levels, q, q))
    np.add.at(squares, codes, dense[:, :, None] * dense[:, None, :])
    values, axes = np.linalg.eigh(squares)
    values = np.maximum(values, 0.0)
    root = np.sqrt(1.0 + values)

    def multiplied(middle: FloatArray) -> Product:
        blocks = (axes * middle[:, None, :]) @ axes.transpose(0, 2, 1)

        def product(moments: FloatArray) -> FloatArray:
            stacked = moments.reshape(n_levels, q, -1)
            return np.asarray((blocks @ stacked).reshape(moments.shape))

        return product

    return multiplied(1.0 / root**2), multiplied(1.0 / (root**2 + root))


def _solver(square: csc_array) -> Product:
    """Factorise A'A + I, dense when it is small."""
    size = square.shape[0]
    if size <= DENSE_EFFECTS:
        chol = cho_factor(square.toarray() + np.eye(size), lower=True)
        return lambda right: np.asarray(cho_solve(chol, right))
    lu = splu(
        csc_array(square + eye_array(size)),
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )
    return lambda right: np.asarray(lu.solve(np.asarray(right)))
