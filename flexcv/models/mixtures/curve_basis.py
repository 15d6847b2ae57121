"""The columns that a curve is made of: B-splines of time, or columns of the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from scipy.interpolate import BSpline

from flexcv.arrays import FloatArray
from flexcv.models.design._effects import Columns, Numeric
from flexcv.models.design.validate import is_categorical, numeric_values

KNOTS = ("uniform", "quantile")
EXTRAPOLATION = ("linear", "error")
LARGEST_BASIS = 10  # splines at most where the number is left open
FARTHEST = 1.0  # lengths of the basis' range beyond which no line is drawn


@dataclass(frozen=True, slots=True)
class SplineBasis:
    """B-splines of one column; outside their range curves go on as straight lines.

    They sum to one at every time. Their knots go on beyond the range, so all splines
    have full support and their coefficients are of one kind (Eilers & Marx (1996),
    *Flexible smoothing with B-splines and penalties*).

    Parameters
    ----------
    time
        The column.
    knots
        With `degree` knots on either side of the range.
    degree
        Degree of the pieces.

    Examples
    --------
    >>> basis = SplineBasis("t", (-1.0, 0.0, 1.0, 2.0, 3.0), 1)
    >>> basis.design(np.array([0.0, 0.25, 2.0]))
    array([[1.  , 0.  , 0.  ],
           [0.75, 0.25, 0.  ],
           [0.  , 0.  , 1.  ]])
    >>> basis.design(np.array([3.0]))
    array([[ 0., -1.,  2.]])
    """

    time: Any
    knots: tuple[float, ...]
    degree: int

    @property
    def used(self) -> tuple[Any, ...]:
        """The column that it reads."""
        return (self.time,)

    @property
    def names(self) -> tuple[str, ...]:
        """``time[1]``, ``time[2]``, ..."""
        n = len(self.knots) - self.degree - 1
        return tuple(f"{self.time}[{k + 1}]" for k in range(n))

    @property
    def lower(self) -> float:
        """Where the range begins."""
        return self.knots[self.degree]

    @property
    def upper(self) -> float:
        """Where the range ends."""
        return self.knots[-self.degree - 1]

    def columns(self, source: Columns) -> list[FloatArray]:
        """Return the splines at the table's times."""
        return list(np.ascontiguousarray(self.design(source.numeric(self.time)).T))

    def design(self, times: FloatArray) -> FloatArray:
        """Return the splines at the given times, shape (times, splines)."""
        if not len(times):
            return np.zeros((0, len(self.names)))
        inside = np.clip(times, self.lower, self.upper)
        knots = np.array(self.knots)
        values = BSpline.design_matrix(inside, knots, self.degree).toarray()
        beyond = times - inside
        outside = np.flatnonzero(beyond)
        if len(outside):
            splines = BSpline(knots, np.eye(len(self.names)), self.degree)
            slopes = splines(inside[outside], nu=1)
            values[outside] += beyond[outside, None] * slopes
        return np.asarray(values)

    def outside(self, times: FloatArray) -> FloatArray:
        """Return the times outside the range."""
        return times[(times < self.lower) | (times > self.upper)]


@dataclass(frozen=True, slots=True)
class ColumnBasis:
    """Columns of the table as they are."""

    parts: tuple[Numeric, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names."""
        return tuple(name for part in self.parts for name in part.names)

    @property
    def used(self) -> tuple[Any, ...]:
        """The table's columns that it reads."""
        return tuple(part.name for part in self.parts)

    def columns(self, source: Columns) -> list[FloatArray]:
        """Return the columns."""
        return [column for part in self.parts for column in part.columns(source)]


Basis: TypeAlias = SplineBasis | ColumnBasis


def basis_columns(basis: Basis, source: Columns) -> FloatArray:
    """Return the basis' columns, shape (rows, columns); there may be none."""
    none = np.zeros((len(source.table), 0))
    return np.column_stack([none, *basis.columns(source)])


def column_basis(names: Sequence[Any]) -> ColumnBasis:
    """Make a basis of the table's own columns."""
    return ColumnBasis(tuple(Numeric(name) for name in names))


def learn_splines(
    time: Any,
    times: FloatArray,
    n_basis: int | None,
    degree: int,
    knots: str,
    time_range: tuple[float, float] | None,
) -> SplineBasis:
    """Place the knots.

    Parameters
    ----------
    time
        Name of the column.
    times
        Times of the training rows.
    n_basis
        How many splines; None is half the number of distinct times, at least
        ``degree + 1`` and at most 10.
    degree
        Degree of the pieces; less where there are too few times for it.
    knots
        ``"uniform"``, or ``"quantile"`` for as many rows between any two knots.
    time_range
        Range of the splines; that of `times` by default.

    Examples
    --------
    >>> basis = learn_splines("t", np.arange(30.0), None, 3, "uniform", None)
    >>> len(basis.names), basis.lower, basis.upper
    (10, 0.0, 29.0)
    """
    distinct = np.unique(times)
    if len(distinct) < 2:
        raise ValueError(
            f"time column {time!r} must vary, got {float(distinct[0])!r} in every "
            "row; curves need at least two times."
        )
    lower, upper = _range(time, distinct, time_range)
    degree = min(degree, len(distinct) - 1)
    n = _number(n_basis, degree, len(distinct))
    if knots == "uniform":
        inner = np.linspace(lower, upper, n - degree + 1)
    else:
        shares = np.linspace(0.0, 1.0, n - degree + 1)[1:-1]
        inner = np.unique([lower, *np.quantile(times, shares), upper])
    left = inner[0] - (inner[1] - inner[0]) * np.arange(degree, 0, -1)
    right = inner[-1] + (inner[-1] - inner[-2]) * np.arange(1, degree + 1)
    places = np.concatenate([left, inner, right])
    return SplineBasis(time, tuple(places.tolist()), degree)


def _range(
    time: Any, distinct: FloatArray, time_range: tuple[float, float] | None
) -> tuple[float, float]:
    first, last = float(distinct[0]), float(distinct[-1])
    if time_range is None:
        return first, last
    lower, upper = time_range
    if not lower <= first or not last <= upper:
        raise ValueError(
            f"`time_range` must cover column {time!r}, which runs from {first:g} to "
            f"{last:g}, got {time_range!r}; widen it."
        )
    return float(lower), float(upper)


def _number(n_basis: int | None, degree: int, n_times: int) -> int:
    """Return how many splines there are; refuse more than there are times."""
    if n_basis is None:
        return min(max(degree + 1, LARGEST_BASIS), max(degree + 1, n_times // 2))
    if n_basis <= degree:
        raise ValueError(
            f"`n_basis` must be above the splines' degree {degree}, got {n_basis}; "
            "raise it or lower `degree`."
        )
    if n_basis > n_times:
        raise ValueError(
            f"`n_basis` must be at most the number of distinct times, got {n_basis} "
            f"splines for {n_times} times; ask for fewer."
        )
    return n_basis


def require_times(column: pd.Series, name: Any) -> FloatArray:
    """Return a column of times as floats; refuse text, dates and missing values."""
    if len(column) and is_categorical(column):
        raise TypeError(
            f"time column {name!r} must be numeric, got {column.dtype} values; "
            "convert it to numbers."
        )
    return numeric_values(column, name)


def require_near(basis: SplineBasis, times: FloatArray, extrapolation: str) -> str:
    """Say in one sentence which times lie outside; empty when none does.

    Raises
    ------
    ValueError
        When extrapolation is not wanted, or the times are farther away than the
        range is long.
    """
    outside = basis.outside(times)
    if not len(outside):
        return ""
    length = basis.upper - basis.lower
    distance = np.maximum(basis.lower - outside, outside - basis.upper)
    farthest = float(outside[distance.argmax()])
    said = (
        f"{len(outside)} of {len(times)} times lie outside the curves' range "
        f"[{basis.lower:g}, {basis.upper:g}], the farthest at {farthest:g}"
    )
    if extrapolation == "error" or distance.max() > FARTHEST * length:
        raise ValueError(
            f"{said}; pass a `time_range` that covers them, or leave these rows out."
        )
    return f"{said}; their curves go on as straight lines."
