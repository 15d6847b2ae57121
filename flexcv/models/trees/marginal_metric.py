r"""The metric of the marginal likelihood, without a matrix of the size of a group.

With information W of the rows (ones for a normal target, in units of
:math:`1/\sigma^2`) and effects of covariance :math:`\sigma^2 \Lambda\Lambda'` the
inverse marginal covariance is, by Woodbury's identity,

.. math:: P = W - W Z C Z' W, \quad C = \Lambda (I + \Lambda' Z' W Z \Lambda)^{-1}
          \Lambda',

where C is the conditional covariance of the effects: a small matrix per level with one
grouping factor, a sparse system with several.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy.sparse import block_diag, csc_array, csr_array, eye_array, kron
from scipy.sparse.linalg import splu

from flexcv.arrays import FloatArray, IntArray
from flexcv.models.design.columns import RandomDesign, RandomFactor
from flexcv.models.gaussian.conditional import sparse_design
from flexcv.models.gaussian.em import design_products, posterior, residual_sums


class MarginalMetric(Protocol):
    """What the random effects take out of the information of the rows."""

    def explained(
        self, leaves: IntArray, n_leaves: int, weights: FloatArray | None
    ) -> FloatArray:
        """Return H'WZ C Z'WH for the indicators H of leaves."""


@dataclass(frozen=True, slots=True)
class NoEffects:
    """The metric of a model without random effects."""

    def projected(self, residuals: FloatArray) -> FloatArray:
        """Return the residuals."""
        return residuals

    def explained(
        self,
        leaves: IntArray,  # noqa: ARG002
        n_leaves: int,
        weights: FloatArray | None,  # noqa: ARG002
    ) -> FloatArray:
        """Return zeros."""
        return np.zeros((n_leaves, n_leaves))


@dataclass(frozen=True, slots=True, eq=False)
class OneFactor:
    """The metric of one grouping factor.

    Attributes
    ----------
    factor
        The rows.
    conditional
        C per level, shape (effects, effects, levels).
    """

    factor: RandomFactor
    conditional: FloatArray

    def projected(self, residuals: FloatArray) -> FloatArray:
        """Return P r = r - Z b(r), where all rows have information one."""
        codes, n_levels = self.factor.codes, self.factor.n_levels
        sums = np.stack(
            [np.bincount(codes, c * residuals, n_levels) for c in self.factor.columns]
        )
        effects = np.einsum("abn,bn->an", self.conditional, sums)
        left = residuals.copy()
        for column, effect in zip(self.factor.columns, effects, strict=True):
            left -= column * effect[codes]
        return left

    def explained(
        self, leaves: IntArray, n_leaves: int, weights: FloatArray | None
    ) -> FloatArray:
        """Return H'WZ C Z'WH for the indicators H of leaves."""
        n_levels = self.factor.n_levels
        cell = self.factor.codes * n_leaves + leaves
        sums = []
        for column in self.factor.columns:
            values = column if weights is None else column * weights
            counted = np.bincount(cell, values, n_levels * n_leaves)
            sums.append(counted.reshape(n_levels, n_leaves))
        total = np.zeros((n_leaves, n_leaves))
        for left, row in zip(sums, self.conditional, strict=True):
            for right, shared in zip(sums, row, strict=True):
                total += left.T @ (shared[:, None] * right)
        return total


@dataclass(frozen=True, slots=True, eq=False)
class Explained:
    """The metric of several factors, for rows of any information.

    Attributes
    ----------
    gram
        Gives L P L' for lines L.
    """

    gram: Callable[[FloatArray], FloatArray]

    def explained(
        self, leaves: IntArray, n_leaves: int, weights: FloatArray | None
    ) -> FloatArray:
        """Return H'WZ C Z'WH for the indicators H of leaves."""
        lines = (leaves == np.arange(n_leaves)[:, None]).astype(np.float64)
        own = np.bincount(leaves, weights, n_leaves)
        return np.asarray(np.diag(own) - self.gram(lines))


@dataclass(frozen=True, slots=True, eq=False)
class SeveralFactors:
    """The metric of several factors, whose rows have information one.

    Attributes
    ----------
    loaded
        Z Lambda, sparse.
    factorised
        I + Lambda'Z'Z Lambda, factorised.
    """

    loaded: csr_array
    factorised: Any

    def projected(self, residuals: FloatArray) -> FloatArray:
        """Return P r = r - Z b(r)."""
        scores = self.loaded.T @ residuals
        return np.asarray(residuals - self.loaded @ self.factorised.solve(scores))

    def explained(
        self,
        leaves: IntArray,
        n_leaves: int,
        weights: FloatArray | None,  # noqa: ARG002
    ) -> FloatArray:
        """Return H'Z C Z'H for the indicators H of leaves."""
        places = (np.arange(len(leaves)), leaves)
        indicators = csr_array((np.ones(len(leaves)), places), (len(leaves), n_leaves))
        sums = (self.loaded.T @ indicators).toarray()
        return np.asarray(sums.T @ self.factorised.solve(sums))


class NormalMetric(MarginalMetric, Protocol):
    """The metric of rows that all have information one."""

    def projected(self, residuals: FloatArray) -> FloatArray:
        """Return P r = r - Z b(r)."""


def normal_metric(
    design: RandomDesign, sigma2: float, covariances: Sequence[FloatArray]
) -> NormalMetric:
    r"""Return the metric of a normal target, :math:`P = \sigma^2 V^{-1}`.

    Parameters
    ----------
    design
        The rows.
    sigma2, covariances
        Residual variance, and per factor the covariance of the effects.

    Examples
    --------
    >>> import pandas as pd
    >>> from flexcv.models.design.columns import Columns, learn_random
    >>> from flexcv.models.design.terms import RandomTerm
    >>> table = Columns(pd.DataFrame({"g": [0, 0, 1]}))
    >>> _, design = learn_random(table, [RandomTerm("g")])
    >>> metric = normal_metric(design, 1.0, [np.eye(1)])
    >>> metric.projected(np.array([1.0, 1.0, 1.0])).round(3)
    array([0.333, 0.333, 0.5  ])
    """
    if not design.factors:
        return NoEffects()
    if len(design.factors) > 1:
        return _several_factors(design, sigma2, covariances)
    factor = design.factors[0]
    products = design_products(factor.columns, factor.codes, factor.n_levels)
    nothing = np.zeros(len(design))
    sums = residual_sums(products, factor.columns, factor.codes, nothing)
    spread = posterior(sums, sigma2, covariances[0]).covariance
    return OneFactor(factor, spread / sigma2)


def _several_factors(
    design: RandomDesign, sigma2: float, covariances: Sequence[FloatArray]
) -> SeveralFactors:
    roots = [root(covariance / sigma2) for covariance in covariances]
    loaded = csr_array(sparse_design(design) @ loadings(design, roots))
    inner = csc_array(loaded.T @ loaded + eye_array(loaded.shape[1]))
    return SeveralFactors(loaded, splu(inner))


def loadings(design: RandomDesign, factors: Sequence[FloatArray]) -> csr_array:
    """Return Lambda of all levels, ordered as the columns of `sparse_design`."""
    parts = [
        kron(eye_array(factor.n_levels), own)
        for factor, own in zip(design.factors, factors, strict=True)
    ]
    return csr_array(block_diag(parts, format="csr"))


def root(covariance: FloatArray) -> FloatArray:
    """Return the symmetric root, which exists while a variance is zero.

    It moves with the covariance, unlike a product with axes that may change sides.
    """
    values, axes = np.linalg.eigh(covariance)
    return np.asarray((axes * np.sqrt(np.maximum(values, 0.0))) @ axes.T)
