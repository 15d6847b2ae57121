r"""How far out-of-fold predictions missed, and how wide an interval that makes.

Rows of a group resemble each other, so for rows of new groups it is groups that are
exchangeable: the group to come is one more beside :math:`K`. One row drawn from each
gives a conformal half-width, the error of rank :math:`r = \lceil (K + 1)(1 - \alpha)
\rceil`, which holds a row of a new group with a chance between :math:`1 - \alpha` and
:math:`1 - \alpha + 1 / (K + 1)`. What is taken here is the middle of these widths over
all ways to draw, the least :math:`q` with

.. math:: \sum_{k=1}^{K} \frac{1}{n_k} \sum_i [\,|e_{ki}| \le q\,] \ge r - \tfrac12

so that no draw decides. For rows of known groups, and without groups, each row is a
unit of its own, and this is the usual quantile.

Dunn, R., Wasserman, L., Ramdas, A. (2023). Distribution-free prediction sets for
two-layer hierarchical models. Journal of the American Statistical Association 118,
2491-2502.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from flexcv.arrays import FloatArray

ROUNDING = 1e-9  # of sums of masses and of ranks, so that 19 of 20 groups are 95 %


@dataclass(frozen=True, slots=True, eq=False)
class OutOfFoldErrors:
    """Absolute errors of out-of-fold rows, in order, with their masses.

    Parameters
    ----------
    sizes
        Absolute errors, ascending.
    mass
        Of each: one, shared evenly by the errors of a unit.
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
        rank = math.ceil((self.n_units + 1) * level - ROUNDING)
        if rank > self.n_units:
            return math.inf
        below = np.cumsum(self.mass) < rank - 0.5 - ROUNDING
        return float(self.sizes[int(below.sum())])


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
    mass = 1.0 / counts[places]
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
