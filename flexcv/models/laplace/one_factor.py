"""No grouping factor, or one: rows that a generalised mixed model is fitted to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from flexcv.arrays import FloatArray

from ._dispersion import DISPERSION_TERMS
from .families import Family
from .group_laplace import group_laplace
from .group_modes import GroupRows, level_times
from .problem import INVERTIBLE, Evaluation

FARTHEST = 1.0  # standard deviation that a mode is sent without looking


@dataclass(frozen=True, slots=True, eq=False)
class OneFactor:
    """Rows of one grouping factor, by Laplace or Gauss-Hermite."""

    group: GroupRows
    n_nodes: int = 1

    @property
    def family(self) -> Family:
        """Response distribution and link."""
        return self.group.family

    def row_sum(self, factor: int, effects: FloatArray) -> FloatArray:  # noqa: ARG002
        """Return z'b of each row."""
        return self.group.row_sum(effects)

    def moved_modes(
        self,
        at: Evaluation,
        before: Sequence[FloatArray],
        after: Sequence[FloatArray],
        eta_change: FloatArray,
    ) -> Sequence[FloatArray]:
        """Differentiate the mode: (I + D M) db = dD s - D Z'W deta."""
        old, new = before[0], after[0]
        if np.abs(new.diagonal()).min() < INVERTIBLE:
            return at.modes
        covariance, group = at.covariances[0], self.group
        pushed = (new @ new.T - old @ old.T) @ at.scores[0]
        products = group.products(at.information)
        right = level_times(products, pushed)
        right += group.level_sums(at.information * eta_change)
        effects = at.effects[0] + pushed - level_times(covariance, right)
        step = np.linalg.solve(new, effects) - at.modes[0]
        return (at.modes[0] + np.clip(step, -FARTHEST, FARTHEST),)

    def evaluate(
        self,
        eta: FloatArray,
        factors: Sequence[FloatArray],
        dispersion: float,
        start: Sequence[FloatArray] | None,
    ) -> Evaluation:
        """Evaluate at a linear predictor, a Lambda and a dispersion."""
        at = group_laplace(
            self.group,
            eta,
            factors[0],
            dispersion=dispersion,
            start=None if start is None else start[0],
            n_nodes=self.n_nodes,
        )

        def gram(lines: FloatArray) -> FloatArray:
            return _gram(self.group, at.information, at.covariance, lines)

        return Evaluation(
            at.loglik,
            at.eta_gradient,
            at.dispersion_gradient,
            at.dispersion_information,
            (at.factor_gradient,),
            (at.modes,),
            (at.effects,),
            (at.scores,),
            (at.covariance,),
            at.information,
            gram,
            at.converged,
        )


@dataclass(frozen=True, slots=True, eq=False)
class NoFactor:
    """Rows of a generalised linear model."""

    family: Family
    y: FloatArray
    weights: FloatArray

    def row_sum(self, factor: int, effects: FloatArray) -> FloatArray:
        """Refuse: there are no effects."""
        raise IndexError(f"there is no grouping factor {factor} with {effects.shape}.")

    def moved_modes(
        self,
        at: Evaluation,
        before: Sequence[FloatArray],  # noqa: ARG002
        after: Sequence[FloatArray],  # noqa: ARG002
        eta_change: FloatArray,  # noqa: ARG002
    ) -> Sequence[FloatArray]:
        """Return the modes of no effects."""
        return at.modes

    def evaluate(
        self,
        eta: FloatArray,
        factors: Sequence[FloatArray],  # noqa: ARG002
        dispersion: float,
        start: Sequence[FloatArray] | None,  # noqa: ARG002
    ) -> Evaluation:
        """Evaluate the likelihood of independent rows."""
        terms = self.family.terms(self.y, eta, self.weights, dispersion)
        slope, squares = 0.0, 0.0
        if self.family.has_dispersion:
            own = DISPERSION_TERMS[self.family.name](
                self.y, eta, self.weights, dispersion
            )
            slope = float(own.loglik.sum())
            squares = float(own.loglik @ own.loglik)
        information = terms.information

        def gram(lines: FloatArray) -> FloatArray:
            return np.asarray((lines * information) @ lines.T)

        nothing: tuple[FloatArray, ...] = ()
        return Evaluation(
            float(terms.loglik.sum()),
            terms.score,
            slope,
            squares,
            nothing,
            nothing,
            nothing,
            nothing,
            nothing,
            information,
            gram,
            True,
        )


def _gram(
    group: GroupRows, information: FloatArray, covariance: FloatArray, lines: FloatArray
) -> FloatArray:
    """Return C V^-1 C' with V^-1 = W - W Z B Z'W and B the effects' covariance."""
    weighted = lines * information
    sums = np.stack([group.level_sums(line) for line in weighted], axis=1)
    turned = np.einsum("abn,bkn->akn", covariance, sums)
    flat = sums.transpose(0, 2, 1).reshape(-1, len(lines))
    other = turned.transpose(0, 2, 1).reshape(-1, len(lines))
    return np.asarray(weighted @ lines.T - flat.T @ other)
