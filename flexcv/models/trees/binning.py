"""Feature values as few ordered bins, learned once before the first tree.

A tree asks on which side of a threshold a value lies. With the values put into bins
first, the best of all thresholds follows from sums per bin, and a missing value is a
bin of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from flexcv.arrays import FloatArray

CodeArray: TypeAlias = npt.NDArray[np.uint8]

MOST_BINS = 255  # the last of 256 codes is that of a missing value


@dataclass(frozen=True, slots=True, eq=False)
class Bins:
    """Where the values of each feature are cut.

    Attributes
    ----------
    thresholds
        Per feature rising numbers; bin k holds what lies above k of them.
    """

    thresholds: tuple[FloatArray, ...]

    @property
    def n_features(self) -> int:
        """How many features there are."""
        return len(self.thresholds)

    @property
    def missing(self) -> int:
        """The code of a missing value: one more than that of the last bin."""
        return max((len(cuts) for cuts in self.thresholds), default=0) + 1

    def codes(self, values: FloatArray) -> CodeArray:
        """Return the bin of each value, a row per feature.

        Parameters
        ----------
        values
            Shape (n_rows, n_features); NaN is missing.

        Returns
        -------
        Shape (n_features, n_rows).
        """
        found = np.empty((self.n_features, len(values)), dtype=np.uint8)
        for place, (cuts, column) in enumerate(
            zip(self.thresholds, values.T, strict=True)
        ):
            places = np.searchsorted(cuts, column, side="left")
            found[place] = np.where(np.isnan(column), self.missing, places)
        return found


def learn_bins(values: FloatArray, max_bins: int = MOST_BINS) -> Bins:
    """Cut each feature between its values, or between its quantiles if it has many.

    Parameters
    ----------
    values
        Shape (n_rows, n_features); NaN is missing.
    max_bins
        The most bins of a feature, up to 255.

    Examples
    --------
    >>> bins = learn_bins(np.array([[1.0], [3.0], [1.0], [np.nan]]))
    >>> bins.thresholds, bins.codes(np.array([[0.0], [2.5], [np.nan]]))
    ((array([2.]),), array([[0, 1, 2]], dtype=uint8))
    """
    return Bins(tuple(_cuts(column, max_bins) for column in values.T))


def _cuts(column: FloatArray, max_bins: int) -> FloatArray:
    known = np.sort(column[~np.isnan(column)])
    if len(known) == 0:
        return np.zeros(0)
    distinct = known[np.append(True, np.diff(known) > 0.0)]
    below, above = distinct[:-1], distinct[1:]
    if len(distinct) > max_bins:
        ends = np.linspace(0, len(known), max_bins + 1)[1:-1].astype(np.intp)
        last = np.searchsorted(distinct, known[ends - 1])  # of each bin
        places = np.unique(np.minimum(last, len(below) - 1))
        below, above = below[places], above[places]
    middle = below + 0.5 * (above - below)
    # A middle that rounds up to the upper value would leave it in the lower bin.
    return np.asarray(np.where(middle < above, middle, below))
