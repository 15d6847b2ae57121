"""The scale on which a score's interval is built, so that it ends where scores end.

An interval around an r2 of 0.9 that is as long above as below may pass 1, and one
around an error may pass 0. Built for a logarithm or a logit of the score and turned
back it cannot, and the score's own spread is more even there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit, logit

from flexcv.arrays import FloatArray
from flexcv.metrics.limits import FREE

NAN = float("nan")


@dataclass(frozen=True, slots=True)
class Scale:
    r"""A monotone function of a score, by the least and the greatest value it has.

    - both ends a and b: :math:`\operatorname{logit} s` with
      :math:`s = (n u + 1/2) / (n + 1)` and :math:`u = (\theta - a) / (b - a)`, which is
      finite at the ends too (n rows)
    - one end: :math:`\log(\theta - a)`, or :math:`-\log(b - \theta)`
    - none: the score itself

    Parameters
    ----------
    limits
        The least and the greatest value that a score can have.
    n_rows
        How many rows are scored.

    Examples
    --------
    >>> scale = Scale((0.0, 1.0), 100)
    >>> back = scale.back(scale.forward(np.array([0.0, 0.5, 1.0])))
    >>> back.round(6).tolist()
    [0.0, 0.5, 1.0]
    >>> Scale((-np.inf, 1.0)).name
    'log'
    """

    limits: tuple[float, float] = FREE
    n_rows: int = 1

    @property
    def name(self) -> str:
        """How a label calls it: logit, log, or an empty text for the score itself."""
        bounded = np.isfinite(self.limits)
        if bounded.all():
            return "logit"
        return "log" if bounded.any() else ""

    @property
    def label(self) -> str:
        """What stands before the name of an interval that is built on it."""
        return f"{self.name} " if self.name else ""

    def forward(self, values: Any) -> FloatArray:
        """Return scores on the scale; not finite outside the limits, or at one end."""
        least, greatest = self.limits
        scores = np.asarray(values, dtype=np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            if self.name == "logit":
                share = (scores - least) / (greatest - least)
                return np.asarray(
                    logit((self.n_rows * share + 0.5) / (self.n_rows + 1.0))
                )
            if np.isfinite(least):
                return np.asarray(np.log(scores - least))
            if np.isfinite(greatest):
                return np.asarray(-np.log(greatest - scores))
        return scores

    def back(self, values: Any) -> FloatArray:
        """Return what has these values on the scale, within the limits."""
        least, greatest = self.limits
        given = np.asarray(values, dtype=np.float64)
        if self.name == "logit":
            share = ((self.n_rows + 1.0) * expit(given) - 0.5) / self.n_rows
            return np.asarray(least + (greatest - least) * np.clip(share, 0.0, 1.0))
        if np.isfinite(least):
            return np.asarray(least + _exp(given))
        if np.isfinite(greatest):
            return np.asarray(greatest - _exp(-given))
        return given

    def slope(self, value: float) -> float:
        """Return the derivative of `forward` at a score; not finite outside."""
        least, greatest = self.limits
        if self.name == "logit":
            n, width = self.n_rows, greatest - least
            share = (n * (value - least) / width + 0.5) / (n + 1.0)
            inside = 0.0 < share < 1.0
            return n / (n + 1.0) / width / (share * (1.0 - share)) if inside else NAN
        if np.isfinite(least):
            return 1.0 / (value - least) if value > least else NAN
        if np.isfinite(greatest):
            return 1.0 / (greatest - value) if value < greatest else NAN
        return 1.0

    def suits(self, *values: Any) -> bool:
        """Whether all these scores are finite on the scale."""
        return all(bool(np.isfinite(self.forward(value)).all()) for value in values)


def _exp(values: FloatArray) -> FloatArray:
    with np.errstate(over="ignore"):  # as far away as it gets
        return np.exp(values)


PLAIN = Scale()
