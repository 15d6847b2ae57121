r"""Units of a penalised fit: a target of mean zero and unit spread, and the way back.

With :math:`y = c + s\,y'` the objective of y over :math:`s^2` is that of y' with the
penalties :math:`\alpha\rho / s` on :math:`|\beta'|` and :math:`\alpha (1 - \rho)` on
:math:`\beta'^2`, since :math:`\beta = s\beta'`. So a penalty in one unit is a penalty
in the other, with another share of the lasso where it is an elastic net.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from flexcv.arrays import FloatArray

from .fit import PenalisedFit, Variances
from .held_out import HeldOut
from .rounds import PenalisedRound


@dataclass(frozen=True, slots=True)
class Units:
    """Centre and spread of a target, and what weights were divided by.

    Attributes
    ----------
    centre, spread
        What was subtracted, and what the rest was divided by.
    weight
        What the weights of rows were divided by.
    """

    centre: float = 0.0
    spread: float = 1.0
    weight: float = 1.0

    def scaled(self, target: FloatArray) -> FloatArray:
        """Return a target without units."""
        return np.asarray((target - self.centre) / self.spread)

    def penalty_within(self, alpha: float, l1_ratio: float) -> tuple[float, float]:
        """Return alpha and share of the lasso for a target without units.

        Examples
        --------
        >>> Units(spread=4.0).penalty_within(2.0, 0.5)
        (1.25, 0.2)
        """
        return _joined(alpha * l1_ratio / self.spread, alpha, l1_ratio)

    def penalty_of_user(self, alpha: float, l1_ratio: float) -> tuple[float, float]:
        """Return alpha and share of the lasso in the target's units.

        Examples
        --------
        >>> Units(spread=4.0).penalty_of_user(1.25, 0.2)
        (2.0, 0.5)
        """
        return _joined(alpha * l1_ratio * self.spread, alpha, l1_ratio)

    def variances(self, found: Variances, n_rows: int) -> Variances:
        """Return variances and likelihood in the target's units."""
        return replace(
            found,
            sigma2=found.sigma2 * self.spread**2 * self.weight,
            relative=tuple(d / self.weight for d in found.relative),
            loglik=found.loglik - n_rows * float(np.log(self.spread)),
        )

    def round(
        self, finished: PenalisedRound, n_rows: int, l1_ratio: float
    ) -> PenalisedRound:
        """Return a round in the target's units."""
        if self == Units():
            return finished
        held_out = finished.held_out
        if held_out is not None:
            held_out = self._held_out(held_out, l1_ratio)
        return replace(
            finished,
            alpha=self.penalty_of_user(finished.alpha, l1_ratio)[0],
            variances=self.variances(finished.variances, n_rows),
            held_out=held_out,
        )

    def fit(self, found: PenalisedFit) -> PenalisedFit:
        """Return coefficients and effects in the target's units."""
        free = self.spread * found.free
        free[0] += self.centre
        effects = tuple(self.spread * values for values in found.effects)
        return replace(
            found,
            coefficients=self.spread * found.coefficients,
            free=free,
            effects=effects,
        )

    def _held_out(self, path: HeldOut, l1_ratio: float) -> HeldOut:
        alphas = [self.penalty_of_user(float(a), l1_ratio)[0] for a in path.alphas]
        losses = path.losses * self.spread**2
        return replace(path, alphas=np.array(alphas), losses=losses)


def learn_units(target: FloatArray) -> Units:
    """Learn centre and spread; a constant target is centred only.

    Examples
    --------
    >>> learn_units(np.array([1.0, 3.0]))
    Units(centre=2.0, spread=1.0, weight=1.0)
    """
    centre, spread = float(target.mean()), float(target.std())
    if not spread > 1e-14 * abs(centre):
        spread = 1.0
    return Units(centre, spread)


def _joined(lasso: float, alpha: float, l1_ratio: float) -> tuple[float, float]:
    """Return alpha and share from the penalty of a lasso and what is a ridge's."""
    if l1_ratio in (0.0, 1.0) or alpha == 0.0:  # no rounding where nothing is shared
        return (lasso if l1_ratio == 1.0 else alpha), l1_ratio
    total = lasso + alpha * (1.0 - l1_ratio)
    return total, lasso / total
