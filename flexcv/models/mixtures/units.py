"""Between the user's units and those of the mixture, whose priors have fixed scales."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from flexcv.arrays import FloatArray, IntArray
from flexcv.errors import RankDeficiencyWarning
from flexcv.models.design._effects import INTERCEPT

EXPLAINED = 1e-8  # of a fixed column's spread; what is left below is rounding


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """How target, curve columns and fixed columns are scaled.

    Attributes
    ----------
    centre, scale
        Taken from the target, and what it is divided by.
    curve_scale
        What the curve columns are divided by, shape (d,).
    fixed_centre, fixed_scale
        The same for the fixed columns that are kept, shape (p,).
    kept
        Positions of these columns.
    """

    centre: float
    scale: float
    curve_scale: FloatArray
    fixed_centre: FloatArray
    fixed_scale: FloatArray
    kept: IntArray

    def target(self, values: FloatArray) -> FloatArray:
        """Scale a target."""
        return (values - self.centre) / self.scale

    def curve(self, columns: FloatArray) -> FloatArray:
        """Scale curve columns, shape (rows, d)."""
        return columns / self.curve_scale

    def fixed(self, columns: FloatArray) -> FloatArray:
        """Choose and scale fixed columns, shape (rows, columns)."""
        return (columns[:, self.kept] - self.fixed_centre) / self.fixed_scale

    def coefficients(self, values: FloatArray) -> FloatArray:
        """Return coefficients of the user's curve columns, on the user's scale."""
        return np.asarray(self.scale * values / self.curve_scale)

    def coefficient_covariance(self, values: FloatArray) -> FloatArray:
        """Return covariances of such coefficients."""
        outer = self.curve_scale[:, None] * self.curve_scale
        return np.asarray(self.scale**2 * values / outer)

    def effects(self, values: FloatArray) -> FloatArray:
        """Return the effects of the fixed columns on the user's scale."""
        return np.asarray(self.scale * values / self.fixed_scale)


def learn_units(
    target: FloatArray,
    curve: FloatArray,
    fixed: FloatArray,
    names: tuple[str, ...],
    *,
    own_columns: bool,
) -> Units:
    """Learn the scales, and which fixed columns say more than the curves.

    Parameters
    ----------
    target
        One number per row.
    curve
        Shape (rows, d).
    fixed
        Shape (rows, columns), the intercept among them.
    names
        Of the fixed columns.
    own_columns
        Whether the curve columns have units of their own.
    """
    spread = np.sqrt((curve**2).mean(axis=0))
    curve_scale = (
        np.where(spread > 0.0, spread, 1.0) if own_columns else np.ones(curve.shape[1])
    )
    centre, scale = fixed.mean(axis=0), fixed.std(axis=0)
    flat = scale <= EXPLAINED * np.abs(centre)
    centre, scale = np.where(flat, 0.0, centre), np.where(flat, 1.0, scale)
    kept = _independent(curve / curve_scale, (fixed - centre) / scale)
    _warn_dropped([name for k, name in enumerate(names) if k not in set(kept)])
    return Units(
        float(target.mean()),
        float(target.std()) or 1.0,
        curve_scale,
        centre[kept],
        scale[kept],
        kept,
    )


def _independent(curve: FloatArray, fixed: FloatArray) -> IntArray:
    """Return the fixed columns that neither curves nor earlier ones determine."""
    left = fixed - curve @ np.linalg.lstsq(curve, fixed, rcond=None)[0]
    kept: list[int] = []
    basis: list[FloatArray] = []
    for k in range(fixed.shape[1]):
        column = left[:, k]
        for _ in range(2):  # once more, against rounding
            for other in basis:
                column = column - (other @ column) * other
        norm, whole = _length(column), _length(fixed[:, k])
        if norm > EXPLAINED * max(whole, 1.0):
            kept.append(k)
            basis.append(column / norm)
    return np.array(kept, dtype=np.intp)


def _length(column: FloatArray) -> float:
    return float(np.sqrt(column @ column))


def _warn_dropped(names: list[str]) -> None:
    """Warn of columns of the user; curves may well hold the intercept."""
    dropped = [name for name in names if name != INTERCEPT]
    if dropped:
        warnings.warn(
            f"fixed columns {dropped} are determined by the curves or by earlier "
            "columns and were dropped; remove them to silence this.",
            RankDeficiencyWarning,
            stacklevel=6,
        )
