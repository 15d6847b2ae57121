"""Which rows a fit with dropped columns can tell: those in training's column space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from flexcv.arrays import BoolArray, FloatArray, IntArray

OUTSIDE = 1e-6  # of a dropped column, relative to what it is compared with


@dataclass(frozen=True, slots=True, eq=False)
class ColumnSpace:
    """How the dropped columns of training followed from the kept ones.

    Attributes
    ----------
    kept, dropped
        Positions among the fixed columns.
    relation
        Shape (kept, dropped): what training's kept columns give the dropped ones.
    scale
        The largest entry of each dropped column in training.
    """

    kept: IntArray
    dropped: IntArray
    relation: FloatArray
    scale: FloatArray

    def outside(self, columns: Sequence[FloatArray]) -> BoolArray:
        """Return which rows break the relation, so that training cannot tell them.

        Parameters
        ----------
        columns
            All fixed columns of a table.
        """
        kept = np.column_stack([columns[k] for k in self.kept])
        dropped = np.column_stack([columns[k] for k in self.dropped])
        size = self.scale + np.abs(dropped) + np.abs(kept) @ np.abs(self.relation)
        apart = np.abs(dropped - kept @ self.relation) > OUTSIDE * size
        return np.asarray(apart.any(axis=1))


def column_space(columns: Sequence[FloatArray], kept: IntArray) -> ColumnSpace | None:
    """Learn from training's fixed columns; None where no column was dropped.

    Parameters
    ----------
    columns
        All fixed columns of the training table.
    kept
        Positions of those that have a coefficient.

    Examples
    --------
    >>> ones, a, b = np.ones(3), np.array([1.0, 0, 0]), np.array([0.0, 1, 1])
    >>> space = column_space([ones, a, b], np.array([0, 1]))
    >>> space.outside([np.ones(2), np.array([1.0, 0.0]), np.array([0.0, 0.0])])
    array([False,  True])
    """
    dropped = np.setdiff1d(np.arange(len(columns)), kept)
    if not len(dropped):
        return None
    given = np.column_stack([columns[k] for k in kept])
    scale = np.maximum(np.abs(given).max(axis=0), np.finfo(float).tiny)
    wanted = np.column_stack([columns[k] for k in dropped])
    found = np.linalg.lstsq(given / scale, wanted, rcond=None)[0] / scale[:, None]
    return ColumnSpace(kept, dropped, found, np.abs(wanted).max(axis=0))
