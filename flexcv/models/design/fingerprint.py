"""What a fit remembers of its rows, so that two fits can be compared honestly.

A likelihood-ratio test needs the same rows in the same order with the same weights and
offset, and fixed parts of which one contains the other. No table is kept for that:
vectors are marked by sums that depend on the order, and what the fixed columns span is
sketched by random sums of some rows (Clarkson & Woodruff 2013, Proc. STOC, 81-90).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from flexcv.arrays import FloatArray, IntArray

from ._effects import INTERCEPT

SKETCH = 128  # random sums per column
WIDEST = 120  # more columns than this are compared by their names
SKETCHED_ROWS = 1 << 11  # evenly spaced
SAME = 1e-9  # difference, relative to a vector's length, that is rounding
WITHIN = 1e-8  # share of a column outside the span of others that is rounding


@dataclass(frozen=True, slots=True, eq=False)
class Fingerprint:
    """Who the rows of a fit were.

    Attributes
    ----------
    family
        The distribution, and how its likelihood is computed.
    n_rows
        How many rows there were.
    marks
        By name (target, weights, offset) two numbers: a sum that depends on the order
        of the rows, and a length.
    names
        The fixed columns.
    sketch
        Random sums of the fixed columns and, last, of ones; (SKETCH, columns + 1).
    """

    family: str
    n_rows: int
    marks: dict[str, tuple[float, float]]
    names: tuple[str, ...]
    sketch: FloatArray

    def differs_in(self, other: Fingerprint) -> str:
        """Name the first thing about the rows that differs, "" when nothing does."""
        if self.n_rows != other.n_rows:
            return "number of rows"
        for name, (mark, length) in self.marks.items():
            if abs(mark - other.marks[name][0]) > SAME * length:
                return name
        return ""

    def spans(self, other: Fingerprint) -> bool:
        """Whether the other's fixed columns are combinations of these."""
        if set(other.names) <= set(self.names):
            return True
        if max(len(self.names), len(other.names)) > WIDEST:
            return False
        return _is_within(self._columns(other), other._columns(self))

    def _columns(self, other: Fingerprint) -> FloatArray:
        """Return the sketched columns, centred where both models have an intercept."""
        columns, ones = self.sketch[:, :-1], self.sketch[:, -1]
        if INTERCEPT not in self.names or INTERCEPT not in other.names:
            return columns
        return columns - np.outer(ones, ones @ columns) / (ones @ ones)


def fingerprint(
    family: str,
    target: FloatArray,
    weights: FloatArray | None,
    offset: FloatArray | None,
    names: Sequence[str],
    columns: Sequence[FloatArray],
) -> Fingerprint:
    """Return what is remembered of rows.

    Parameters
    ----------
    family
        The distribution, and how its likelihood is computed.
    target, weights, offset
        One number per row; no weights are ones, and no offset is zeros.
    names, columns
        The fixed columns that are kept.

    Examples
    --------
    >>> x, y, w = np.arange(5.0), np.array([2.0, 1.0, 0.0, 5.0, 3.0]), np.ones(5)
    >>> one = fingerprint("normal", y, w, None, ["x"], [x])
    >>> other = fingerprint("normal", y[::-1], w, None, ["2x"], [2 * x])
    >>> one.differs_in(other), one.spans(other)
    ('target', True)
    """
    n_rows = len(target)
    nothing = (0.0, 0.0) if offset is None else _mark(offset)
    weighed = _mark_of_ones(n_rows) if weights is None else _mark(weights)
    marks = {"target": _mark(target), "weights": weighed, "offset": nothing}
    shown = () if len(columns) > WIDEST else columns
    rows, sums, signs = _plan(n_rows)
    lines = [np.bincount(sums, signs * column[rows], SKETCH) for column in shown]
    ones = np.bincount(sums, signs, SKETCH)
    sketch = np.column_stack([*lines, ones])
    return Fingerprint(family, n_rows, marks, tuple(names), sketch)


def _mark(values: FloatArray) -> tuple[float, float]:
    """Compute u'Vv of the values as a square: one pass without a copy will do."""
    left, right = _directions(len(values))
    square = values[: len(left) * len(right)].reshape(len(left), len(right))
    rest = values[square.size :]
    mark = float(left @ (square @ right)) + float(rest @ left[: len(rest)])
    return mark, float(np.sqrt(values @ values))


def _mark_of_ones(n_rows: int) -> tuple[float, float]:
    left, right = _directions(n_rows)
    rest = n_rows - len(left) * len(right)
    mark = float(left.sum() * right.sum()) + float(left[:rest].sum())
    return mark, float(np.sqrt(n_rows))


@lru_cache(maxsize=16)
def _directions(n_rows: int) -> tuple[FloatArray, FloatArray]:
    side = max(int(np.sqrt(n_rows)), 1)
    rng = np.random.default_rng(20)
    return rng.normal(size=n_rows // side), rng.normal(size=side)


@lru_cache(maxsize=16)
def _plan(n_rows: int) -> tuple[IntArray, IntArray, FloatArray]:
    """Choose the rows that are sketched, the sum each one enters, and its factor."""
    size = min(n_rows, SKETCHED_ROWS)
    rng = np.random.default_rng(13)
    rows = np.arange(size) * n_rows // max(size, 1)
    return rows, rng.integers(0, SKETCH, size), rng.normal(size=size)


def _is_within(larger: FloatArray, smaller: FloatArray) -> bool:
    """Whether the columns of one matrix are combinations of the other's."""
    left, right = _unit_columns(larger), _unit_columns(smaller)
    solution = np.linalg.lstsq(left, right, rcond=None)[0]
    return bool((np.linalg.norm(right - left @ solution, axis=0) < WITHIN).all())


def _unit_columns(matrix: FloatArray) -> FloatArray:
    """Scale columns to length one, and leave out those that centring emptied."""
    lengths = np.linalg.norm(matrix, axis=0)
    used = lengths > SAME * lengths.max(initial=0.0)
    return np.asarray(matrix[:, used] / lengths[used])
