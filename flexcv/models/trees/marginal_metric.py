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
from flexcv.models.gaussian.residual_effects import weighted_design


class MarginalMetric(Protocol):
    """What the random effects take out of the information of the rows."""

    def explained(
        self, leaves: IntArray, n_leaves: int, weights: FloatArray | None
    ) -> FloatArray:
        """Return H'WZ C Z'WH for the indicators H of leaves."""


@dataclass(frozen=True, slots=True)
class NoEffects:
    """The metric of a model without random effects.

    Attributes
    ----------
    weights
        Information of each row; None is one in every row.
    """

    weights: FloatArray | None = None

    def projected(self, residuals: FloatArray) -> FloatArray:
        """Return W r."""
        return _times(self.weights, residuals)

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
    weights
        Information of each row of a normal target; None is one in every row.
    """

    factor: RandomFactor
    conditional: FloatArray
    weights: FloatArray | None = None

    def projected(self, residuals: FloatArray) -> FloatArray:
        """Return P r = W (r - Z b(r)) of a normal target."""
        codes, n_levels = self.factor.codes, self.factor.n_levels
        weighted = _times(self.weights, residuals)
        sums = np.stack(
            [np.bincount(codes, c * weighted, n_levels) for c in self.factor.columns]
        )
        effects = np.einsum("abn,bn->an", self.conditional, sums)
        left = residuals.copy()
        for column, effect in zip(self.factor.columns, effects, strict=True):
            left -= column * effect[codes]
        return _times(self.weights, left)

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
    """The metric of several factors, for a normal target.

    Attributes
    ----------
    loaded
        Z Lambda, sparse.
    factorised
        I + Lambda'Z'WZ Lambda, factorised.
    weights
        Information of each row; None is one in every row.
    """

    loaded: csr_array
    factorised: Any
    weights: FloatArray | None = None

    def projected(self, residuals: FloatArray) -> FloatArray:
        """Return P r = W (r - Z b(r))."""
        scores = self.loaded.T @ _times(self.weights, residuals)
        left = np.asarray(residuals - self.loaded @ self.factorised.solve(scores))
        return _times(self.weights, left)

    def explained(
        self,
        leaves: IntArray,
        n_leaves: int,
        weights: FloatArray | None,
    ) -> FloatArray:
        """Return H'WZ C Z'WH for the indicators H of leaves."""
        places = (np.arange(len(leaves)), leaves)
        entries = np.ones(len(leaves)) if weights is None else weights
        indicators = csr_array((entries, places), (len(leaves), n_leaves))
        sums = (self.loaded.T @ indicators).toarray()
        return np.asarray(sums.T @ self.factorised.solve(sums))


class NormalMetric(MarginalMetric, Protocol):
    """The metric of a normal target."""

    def projected(self, residuals: FloatArray) -> FloatArray:
        """Return P r = W (r - Z b(r))."""


def normal_metric(
    design: RandomDesign,
    sigma2: float,
    covariances: Sequence[FloatArray],
    weights: FloatArray | None = None,
) -> NormalMetric:
    r"""Return the metric of a normal target, :math:`P = \sigma^2 V^{-1}`.

    Parameters
    ----------
    design
        The rows.
    sigma2, covariances
        Residual variance, and per factor the covariance of the effects.
    weights
        Precisions of the rows: row i has the residual variance sigma2 / weight.

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
        return NoEffects(weights)
    if len(design.factors) > 1:
        return _several_factors(design, sigma2, covariances, weights)
    factor = weighted_design(design, weights).factors[0]
    products = design_products(factor.columns, factor.codes, factor.n_levels)
    nothing = np.zeros(len(design))
    sums = residual_sums(products, factor.columns, factor.codes, nothing)
    spread = posterior(sums, sigma2, covariances[0]).covariance
    return OneFactor(design.factors[0], spread / sigma2, weights)


def _several_factors(
    design: RandomDesign,
    sigma2: float,
    covariances: Sequence[FloatArray],
    weights: FloatArray | None,
) -> SeveralFactors:
    roots = [root(covariance / sigma2) for covariance in covariances]
    lambdas = loadings(design, roots)
    loaded = csr_array(sparse_design(design) @ lambdas)
    scaled = loaded
    if weights is not None:
        scaled = csr_array(sparse_design(weighted_design(design, weights)) @ lambdas)
    inner = csc_array(scaled.T @ scaled + eye_array(scaled.shape[1]))
    return SeveralFactors(loaded, splu(inner), weights)


def _times(weights: FloatArray | None, values: FloatArray) -> FloatArray:
    return values if weights is None else weights * values


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
