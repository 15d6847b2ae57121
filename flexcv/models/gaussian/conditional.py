"""How uncertain random effects are: the variance of Z b for rows to predict.

For a level that training showed it is the conditional variance given the residuals,
for another the variance of the effects themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import block_diag, csr_array, eye_array
from scipy.sparse import hstack as sparse_hstack
from scipy.sparse import kron as sparse_kron
from scipy.sparse.linalg import splu
from scipy.stats import norm

from flexcv.arrays import FloatArray, IntArray
from flexcv.errors import ModelError
from flexcv.models.design.columns import RandomDesign, RandomFactor

from .em import design_products, posterior, residual_sums

LARGEST_JOINT = 5_000  # effects of several factors whose covariance is one matrix
CHUNK_ROWS = 4_096


@dataclass(frozen=True, slots=True, eq=False)
class Uncertainty:
    """The conditional covariances of one fit.

    Attributes
    ----------
    covariances
        Per factor D.
    blocks
        With one factor, a covariance per level, shape (effects, effects, levels).
    joint
        With several factors, one matrix over all of them, ordered by factor, level
        and effect; None where it would not fit.
    gram, counts
        With several factors, Z'Z over sigma^2 in the same order, and how many levels
        each factor has.
    """

    covariances: tuple[FloatArray, ...]
    blocks: FloatArray | None = None
    joint: FloatArray | None = None
    gram: csr_array | None = None
    counts: tuple[int, ...] = ()

    def variances(self, design: RandomDesign, known_groups: bool = True) -> FloatArray:
        """Return the variance of Z b for each row.

        Parameters
        ----------
        design
            The rows to predict.
        known_groups
            Whether the levels that training showed are made use of.
        """
        total = unknown_variances(design, self.covariances, known_groups)
        if not known_groups or not design.factors:
            return total
        if len(design.factors) == 1:
            return total + self._one_factor(design.factors[0])
        return total + self._several_factors(design)

    def blocks_of(self, codes: IntArray) -> FloatArray:
        """Return the conditional covariance of each level, (levels, effects, effects).

        Parameters
        ----------
        codes
            Levels of the one factor that training showed.
        """
        assert self.blocks is not None
        return np.asarray(self.blocks[:, :, codes].transpose(2, 0, 1))

    def joint_of(self, levels: Sequence[IntArray]) -> FloatArray:
        """Return the conditional covariance of the effects of some levels, as one.

        It is L (I + L'Z'ZL / sigma^2)^-1 L', of which the columns asked for are solved.

        Parameters
        ----------
        levels
            Per factor the levels, in rising order.

        Returns
        -------
        A matrix ordered by factor, level and effect.
        """
        assert self.gram is not None
        sizes = [len(covariance) for covariance in self.covariances]
        starts = np.cumsum(
            [0, *(q * n for q, n in zip(sizes, self.counts, strict=True))]
        )
        places = [
            (start + q * own[:, None] + np.arange(q)).ravel()
            for start, q, own in zip(starts, sizes, levels, strict=False)
        ]
        root = self._sparse_root()
        inner = eye_array(root.shape[0]) + root.T @ self.gram @ root
        lines = root[np.concatenate(places)]
        solver = splu(inner.tocsc(), permc_spec="MMD_AT_PLUS_A")
        return np.asarray(lines @ solver.solve(lines.T.toarray()))

    def _sparse_root(self) -> csr_array:
        parts = [
            sparse_kron(eye_array(n), _root(covariance))
            for n, covariance in zip(self.counts, self.covariances, strict=True)
        ]
        return csr_array(block_diag(parts))

    def _one_factor(self, factor: RandomFactor) -> FloatArray:
        assert self.blocks is not None
        total = np.zeros(len(factor.codes))
        for i, left in enumerate(factor.columns):
            for j, right in enumerate(factor.columns):
                total += left * right * self.blocks[i, j][factor.codes]
        return np.where(factor.codes < 0, 0.0, total)

    def _several_factors(self, design: RandomDesign) -> FloatArray:
        if self.joint is None:
            raise ModelError(
                f"intervals with several factors take at most {LARGEST_JOINT} effects "
                "in all, and this model has more; use one factor or fewer levels."
            )
        z = sparse_design(design)
        total = np.empty(len(design))
        for start in range(0, len(design), CHUNK_ROWS):
            rows = slice(start, start + CHUNK_ROWS)
            part = z[rows]
            total[rows] = part.multiply(part @ self.joint).sum(axis=1)
        return total


def unknown_variances(
    design: RandomDesign, covariances: Sequence[FloatArray], known_groups: bool = True
) -> FloatArray:
    """Return the variance of that part of Z b whose levels training did not show.

    Parameters
    ----------
    design
        The rows to predict.
    covariances
        Per factor D.
    known_groups
        Whether the levels that training showed are made use of.
    """
    total = np.zeros(len(design))
    for factor, covariance in zip(design.factors, covariances, strict=True):
        unknown = factor.codes < 0 if known_groups else np.full(len(design), True)
        z = np.stack(factor.columns)
        total += unknown * (z * (covariance @ z)).sum(axis=0)
    return total


def learn_uncertainty(
    design: RandomDesign, sigma2: float, covariances: Sequence[FloatArray]
) -> Uncertainty:
    """Return the conditional covariances for a training design."""
    known = tuple(covariances)
    if len(design.factors) == 1:
        factor = design.factors[0]
        products = design_products(factor.columns, factor.codes, factor.n_levels)
        nothing = np.zeros(len(design))
        sums = residual_sums(products, factor.columns, factor.codes, nothing)
        return Uncertainty(known, posterior(sums, sigma2, known[0]).covariance)
    if not design.factors:
        return Uncertainty(known)
    several = _several_factors(design, sigma2, known)
    if several.gram is None or several.gram.shape[0] > LARGEST_JOINT:
        return several
    return replace(several, joint=_joint_covariance(design, sigma2, known))


def learn_conditional(
    design: RandomDesign, information: FloatArray, covariances: Sequence[FloatArray]
) -> Uncertainty:
    """Return what rows of other outcomes leave unknown of effects, at their modes.

    Parameters
    ----------
    design
        The training design.
    information
        Of each row at the modes: minus the second derivative of its log-likelihood.
    covariances
        Per factor D.
    """
    if not design.factors:
        return Uncertainty(())
    weighted = weighted_design(design, information)
    if len(design.factors) == 1:
        return learn_uncertainty(weighted, 1.0, covariances)
    return _several_factors(weighted, 1.0, tuple(covariances))


def _several_factors(
    design: RandomDesign, sigma2: float, covariances: tuple[FloatArray, ...]
) -> Uncertainty:
    z = sparse_design(design)
    counts = tuple(factor.n_levels for factor in design.factors)
    return Uncertainty(covariances, gram=csr_array(z.T @ z) / sigma2, counts=counts)


def weighted_design(design: RandomDesign, weights: FloatArray) -> RandomDesign:
    """Return Z with each row times the root of its precision, for a unit of sigma."""
    roots = np.sqrt(weights)
    factors = tuple(
        replace(factor, columns=tuple(roots * column for column in factor.columns))
        for factor in design.factors
    )
    return replace(design, factors=factors)


def sparse_design(design: RandomDesign) -> csr_array:
    """Return Z, ordered by factor, level and effect; zero for unknown levels."""
    return csr_array(sparse_hstack([_indicators(f) for f in design.factors]))


def normal_interval(
    predicted: FloatArray, variance: FloatArray, level: float, X: Any
) -> pd.DataFrame:
    """Return prediction, lower and upper; the index is that of `X`, if it has one."""
    if not 0.0 < level < 1.0:
        raise ValueError(
            f"`level` must lie between 0 and 1, got {level!r}; 0.95 is usual."
        )
    half = norm.ppf(0.5 + 0.5 * level) * np.sqrt(variance)
    columns = {
        "prediction": predicted,
        "lower": predicted - half,
        "upper": predicted + half,
    }
    return pd.DataFrame(columns, index=getattr(X, "index", None))


def _joint_covariance(
    design: RandomDesign, sigma2: float, covariances: Sequence[FloatArray]
) -> FloatArray:
    """Compute sigma^2 L (L'Z'Z L + sigma^2 I)^-1 L'; D = L L' may be singular."""
    z = sparse_design(design)
    roots = [
        np.kron(np.eye(factor.n_levels), _root(covariance))
        for factor, covariance in zip(design.factors, covariances, strict=True)
    ]
    sizes = np.cumsum([0, *(len(root) for root in roots)])
    root = np.zeros((sizes[-1], sizes[-1]))
    for start, stop, part in zip(sizes, sizes[1:], roots, strict=False):
        root[start:stop, start:stop] = part
    inner = root.T @ ((z.T @ z) @ root) + sigma2 * np.eye(len(root))
    half = np.linalg.solve(np.linalg.cholesky(inner), root.T)
    return np.asarray(sigma2 * (half.T @ half))


def _root(covariance: FloatArray) -> FloatArray:
    values, axes = np.linalg.eigh(covariance)
    return np.asarray(axes * np.sqrt(np.maximum(values, 0.0)))


def _indicators(factor: RandomFactor) -> csr_array:
    n, q = len(factor.codes), factor.n_effects
    known = factor.codes >= 0
    rows = np.repeat(np.flatnonzero(known), q)
    cols = (factor.codes[known][:, None] * q + np.arange(q)).ravel()
    values = np.stack(factor.columns, axis=1)[known].ravel()
    return csr_array((values, (rows, cols)), shape=(n, q * factor.n_levels))
