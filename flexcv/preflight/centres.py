"""The target's means and medians in the levels of a column, and who holds them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from flexcv.arrays import FloatArray

from .setup import Levels

CLOSE = 1e-6  # relative difference that is rounding
DIFFERENT = 3  # centres; fewer are equal to a column by chance
HEAD = 1_000  # rows that tell most columns from means
# Levels, and the share of the noise of their means that is left around a straight line:
# what predicts means honestly, however well, leaves their noise.
CLOSER = ((4, 1e-4), (8, 0.02))


@dataclass(frozen=True, slots=True, eq=False)
class LevelCentres:
    """What the target is like in each level of a column.

    Attributes
    ----------
    levels
        The levels.
    means, medians
        Of the target in each level, shape (n_levels,). A target of whole numbers has no
        medians but zero, as many a column is equal to them.
    noise
        Variance of a mean around what its level makes expect.
    """

    levels: Levels
    means: FloatArray
    medians: FloatArray
    noise: float

    def kind_held(self, values: FloatArray, target: FloatArray) -> str:
        """Say which centre a column holds; an empty text where it holds none.

        Parameters
        ----------
        values
            The column, shape (n_rows,).
        target
            The target, shape (n_rows,).
        """
        codes = self.levels.codes
        if not np.isfinite(values).all() or np.ptp(values) == 0:
            return ""
        first = np.zeros(len(self.levels))
        first[codes[::-1]] = values[::-1]
        for rows in (slice(HEAD), slice(None)):
            if not (first[codes[rows]] == values[rows]).all():
                return "mean" if self._are_of_others(values, target) else ""
        kinds = (("mean", self.means), ("median", self.medians))
        return next((kind for kind, own in kinds if self._are(first, own)), "")

    def _are(self, values: FloatArray, centres: FloatArray) -> bool:
        """Whether one value per level is its centre, or a line through the centres."""
        if len(np.unique(centres)) < DIFFERENT or np.ptp(values) == 0:
            return False
        size = float(np.ptp(centres))
        if np.allclose(values, centres, rtol=CLOSE, atol=CLOSE * size):
            return True
        x, y = values - values.mean(), centres - centres.mean()
        left = y - x * (x @ y) / (x @ x)
        freedom = max(len(y) - 2, 1)
        share = float(left @ left) / freedom / self.noise if self.noise > 0 else np.inf
        return any(len(y) >= fewest and share < least for fewest, least in CLOSER)

    def _are_of_others(self, values: FloatArray, target: FloatArray) -> bool:
        """Whether each value is the mean of the other rows of its level."""
        for rows in (slice(HEAD), slice(None)):
            codes = self.levels.codes[rows]
            sizes = self.levels.sizes[codes]
            several = sizes > 1
            others = sizes * self.means[codes] - target[rows]
            mine = values[rows] * (sizes - 1)
            scale = CLOSE * float(np.abs(others).max(initial=0.0))
            if not several.any() or not np.allclose(
                mine[several], others[several], rtol=CLOSE, atol=scale
            ):
                return False
        return True


def level_centres(target: FloatArray, levels: Levels) -> LevelCentres:
    """Return the target's centres in each level of a column.

    Parameters
    ----------
    target
        The target, shape (n_rows,).
    levels
        The levels of the column.

    Examples
    --------
    >>> from flexcv.preflight.setup import levels_of
    >>> levels = levels_of(pd.Series(["a", "a", "b", "b"]))
    >>> level_centres(np.array([1.0, 3.0, 4.0, 6.0]), levels).means
    array([2., 5.])
    """
    codes, sizes = levels.codes, levels.sizes
    means = np.bincount(codes, target) / sizes
    left = target - means[codes]
    within = float(left @ left) / max(len(target) - len(levels), 1)
    medians = np.zeros(len(levels))
    if (target != np.round(target)).any():
        medians += pd.Series(target).groupby(codes).median().to_numpy()
    noise = within * float((1.0 / sizes).mean())
    return LevelCentres(levels, np.asarray(means), medians, noise)
