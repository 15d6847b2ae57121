r"""How far out-of-fold predictions missed, and how wide an interval that makes.

Rows of a group resemble each other, so for rows of new groups it is groups that count:
each has the same mass, shared evenly by its rows. Of :math:`K` groups the half-width is
the smallest error :math:`q` with

.. math::

   \frac{1}{K + 1} \sum_{k=1}^{K} \frac{1}{n_k} \sum_i [\,|e_{ki}| \le q\,]
   \ge 1 - \alpha

which is hierarchical conformal prediction: the group to come is the (K + 1)-th. For
rows of known groups, and without groups, each row is a unit of its own.

Lee, Y., Barber, R. F., Willett, R. (2023). Distribution-free inference with
hierarchical data. arXiv:2306.06342.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from flexcv.arrays import FloatArray

ROUNDING = 1e-9  # of a sum of masses, so that 19 of 20 groups are 95 %


@dataclass(frozen=True, slots=True, eq=False)
class OutOfFoldErrors:
    """Absolute errors of out-of-fold rows, in order, with their masses.

    Parameters
    ----------
    sizes
        Absolute errors, ascending.
    mass
        Of each; together K / (K + 1) of K units.
    n_units
        How many units they are of.
    unit
        ``"group"`` or ``"row"``: what is exchangeable.

    Examples
    --------
    >>> errors = errors_of(np.arange(1.0, 20.0), np.arange(19))
    >>> errors.half_width(0.95), errors.highest_level
    (19.0, 0.95)
    """

    sizes: FloatArray
    mass: FloatArray
    n_units: int
    unit: str

    @property
    def highest_level(self) -> float:
        """The highest level for which there are enough units."""
        return self.n_units / (self.n_units + 1)

    def half_width(self, level: float) -> float:
        """Return the half-width of an interval; infinity where units are too few.

        Parameters
        ----------
        level
            Its coverage.
        """
        reached = np.cumsum(self.mass) >= level - ROUNDING
        return float(self.sizes[reached.argmax()]) if reached.any() else math.inf


def errors_of(
    errors: FloatArray,
    rows: npt.NDArray[np.intp],
    groups: npt.NDArray[np.intp] | None = None,
) -> OutOfFoldErrors:
    """Weigh out-of-fold errors by what is exchangeable.

    Parameters
    ----------
    errors
        True value less prediction, shape (n,).
    rows
        The row of the table that each is of: of repeated plans a row stands here more
        than once, and counts once.
    groups
        The number of each one's group; None where rows are exchangeable.
    """
    sizes = np.abs(errors)
    units = rows if groups is None else groups
    places, counts = np.unique(units, return_inverse=True, return_counts=True)[1:]
    mass = 1.0 / ((len(counts) + 1) * counts[places])
    order = np.argsort(sizes, kind="stable")
    unit = "row" if groups is None else "group"
    return OutOfFoldErrors(sizes[order], mass[order], len(counts), unit)


@dataclass(frozen=True, slots=True, eq=False)
class Misses:
    """How far a run's out-of-fold predictions missed rows of new and of known groups.

    Parameters
    ----------
    new
        Of rows whose group training did not show, and of all rows without groups;
        None where the plan asked about no such row.
    known
        Of rows whose group it showed.
    """

    new: OutOfFoldErrors | None = None
    known: OutOfFoldErrors | None = None


def misses_of(predictions: pd.DataFrame) -> Misses:
    """Learn from the test rows of one model, as `results.predictions` has them.

    Parameters
    ----------
    predictions
        Columns row, y_true and y_pred, and with groups group and known_group.
    """
    if "group" not in predictions or predictions["group"].isna().all():
        return Misses(new=_errors(predictions, by_group=False))
    is_known = predictions["known_group"].to_numpy(dtype=bool)
    return Misses(
        _errors(predictions[~is_known], by_group=True),
        _errors(predictions[is_known], by_group=False),
    )


def _errors(predictions: pd.DataFrame, *, by_group: bool) -> OutOfFoldErrors | None:
    if predictions.empty:
        return None
    missed = (predictions["y_true"] - predictions["y_pred"]).to_numpy(dtype=float)
    rows = predictions["row"].to_numpy(dtype=np.intp)
    groups = None
    if by_group:
        groups = pd.factorize(predictions["group"])[0].astype(np.intp)
    return errors_of(missed, rows, groups)
