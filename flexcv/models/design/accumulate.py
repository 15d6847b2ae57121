"""From columns to sums per level, in chunks, in a basis where rounding is harmless.

Columns are centred (when there is an intercept) and scaled, random effects of one
block are made orthogonal over the table, and least squares is taken out of the
target first. None of this changes the model; `Basis` is the way back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.linalg import solve_triangular

from flexcv.arrays import FloatArray, IntArray

from .columns import RandomDesign, RandomFactor

CHUNK_ROWS = 1 << 16
CHUNK_CELLS = 1 << 20  # a table of fewer numbers is one chunk
CONSTANT = 1e-13  # spread of a column, relative to its size, that is rounding
SUSPECT = 1e-10  # squared share of a column and the parts that leave it: look again
ORTHOGONAL = 1e-6  # squared share below which columns are made orthogonal first
DEPENDENT = 1e-7  # share of a column left by the others, as lme4 has it


@dataclass(frozen=True, slots=True, eq=False)
class Basis:
    """How the internal columns come from the user's.

    Attributes
    ----------
    kept
        Positions of the fixed columns that are not redundant.
    fixed
        Upper triangular; user's beta = ``fixed @ (origin + internal beta)``.
    origin
        Least-squares coefficients that were taken out of the target.
    random
        Per factor the matrix C with user's b = C b.
    target_scale
        What the target was divided by.
    """

    kept: IntArray
    fixed: FloatArray
    origin: FloatArray
    random: tuple[FloatArray, ...]
    target_scale: float


class Table:
    """The distinct centred columns of one fit, given out in chunks of rows."""

    def __init__(
        self,
        fixed: Sequence[FloatArray],
        design: RandomDesign,
        target: FloatArray,
        weights: FloatArray | None,
        constant: FloatArray | None,
    ) -> None:
        self.target, self.n_rows = target, len(target)
        self.roots = None if weights is None else np.sqrt(weights)
        self.log_weights = 0.0 if weights is None else float(np.log(weights).sum())
        self._total = float(self.n_rows) if weights is None else float(weights.sum())
        self._weights, self._constant = weights, constant
        self.columns: list[FloatArray] = []
        self.shifts: list[float] = []
        self._places: dict[tuple[int, bool], int] = {}
        self._means: dict[int, float] = {}
        has_intercept = any(column is constant for column in fixed)
        self.fixed = [self._place(column, has_intercept) for column in fixed]
        self.random = [self._place_factor(factor) for factor in design.factors]
        self.turn: FloatArray | None = None
        self.before_turn: list[int] = []
        self._taken = np.zeros(len(self.fixed))
        self._single: FloatArray | None = None

    def _place_factor(self, factor: RandomFactor) -> list[int]:
        places: list[int] = []
        start = 0
        for size in factor.blocks:
            block = factor.columns[start : start + size]
            centred = any(column is self._constant for column in block)
            places.extend(self._place(column, centred) for column in block)
            start += size
        return places

    def _place(self, column: FloatArray, centred: bool) -> int:
        centred = centred and column is not self._constant
        key = (id(column), centred)
        if key not in self._places:
            self._places[key] = len(self.columns)
            self.columns.append(column)
            self.shifts.append(self._mean(column) if centred else 0.0)
        return self._places[key]

    def _mean(self, column: FloatArray) -> float:
        if id(column) not in self._means:
            total = column.sum() if self._weights is None else self._weights @ column
            self._means[id(column)] = float(total) / self._total
        return self._means[id(column)]

    def chunks(self) -> Iterator[tuple[slice, FloatArray]]:
        """Return rows and their columns (as lines), the target last."""
        if self._single is not None:
            yield slice(0, self.n_rows), self._single
            return
        step = max(CHUNK_ROWS, CHUNK_CELLS // (len(self.columns) + 1))
        for start in range(0, self.n_rows, step):
            rows = slice(start, min(start + step, self.n_rows))
            block = self._block(rows)
            if rows.stop - rows.start == self.n_rows:
                self._single = block
            yield rows, block

    def _block(self, rows: slice) -> FloatArray:
        block = np.empty((len(self.columns) + 1, rows.stop - rows.start))
        for line, column, shift in zip(block, self.columns, self.shifts, strict=False):
            np.subtract(column[rows], shift, out=line)
        block[-1] = self.target[rows]
        block[-1] -= self._taken @ block[self.fixed]
        if self.roots is not None:
            block *= self.roots[rows]
        return block

    def orthogonalise(self) -> None:
        """Replace the fixed columns by orthogonal ones, one after the other.

        Sums of products would lose the digits in which nearly dependent columns differ.
        ``turn`` leads from the new coefficients to those of the columns before.
        """
        lines = self.fixed
        rows = np.concatenate([block[lines] for _, block in self.chunks()], axis=1)
        basis, upper = np.linalg.qr(rows.T)
        size = np.sqrt(self.n_rows) * np.where(upper.diagonal() < 0.0, -1.0, 1.0)
        if self.roots is not None:
            basis /= self.roots[:, None]
        self.turn, self.before_turn = np.linalg.inv(upper) * size, lines
        first = len(self.columns)
        self.columns += list(np.ascontiguousarray((basis * size).T))
        self.shifts += [0.0] * len(lines)
        self.fixed = list(range(first, len(self.columns)))
        self._single = None

    def keep(self, kept: IntArray) -> None:
        """Go on with some of the fixed columns, of which nothing is taken out yet."""
        self.fixed = [self.fixed[k] for k in kept]
        self._taken = np.zeros(len(self.fixed))

    def take_out(self, coefficients: FloatArray) -> None:
        """Replace the target by what a combination of fixed columns leaves of it."""
        self._taken = coefficients
        if self._single is not None:
            self._single[-1] -= coefficients @ self._single[self.fixed]

    def rounding(self) -> FloatArray:
        """Return each fixed column's sum of squares that is only rounding error."""
        shifts = np.array([self.shifts[place] for place in self.fixed])
        return self._total * (CONSTANT * shifts) ** 2

    @property
    def units(self) -> list[int]:
        """The lines that are one in every row."""
        lines = range(len(self.columns) if self.roots is None else 0)
        return [line for line in lines if self.is_constant(line)]

    def is_constant(self, line: int) -> bool:
        """Return whether a line is the column of ones."""
        return self.columns[line] is self._constant


class FixedBasis(NamedTuple):
    """Independent fixed columns, their scales and what least squares gives."""

    kept: IntArray
    scale: FloatArray
    origin: FloatArray


def fixed_basis(table: Table, known: FloatArray | None = None) -> FixedBasis:
    """Choose independent fixed columns and take least squares out of the target.

    Or, where they are known, the fixed effects of the columns kept: beside groups that
    lie far from zero, least squares may be far from them, and digits would be lost.
    """
    scale, scaled = _scaled_gram(table)
    kept = _independent(scaled / table.n_rows, table)
    table.keep(kept)
    shown = np.append(kept, -1)
    scale, scaled = scale[shown], scaled[np.ix_(shown, shown)]
    if _are_nearly_dependent(scaled[:-1, :-1] / table.n_rows):
        table.orthogonalise()
        scale, scaled = _scaled_gram(table)
    origin = np.linalg.solve(scaled[:-1, :-1], scaled[:-1, -1])
    chosen = FixedBasis(kept, scale[:-1], origin * scale[-1] / scale[:-1])
    if known is not None:
        inner = np.linalg.solve(fixed_back(table, chosen), known)
        chosen = chosen._replace(origin=inner / chosen.scale)
    table.take_out(chosen.origin)
    return chosen


def _scaled_gram(table: Table) -> tuple[FloatArray, FloatArray]:
    """Return scales of the fixed columns and the target, and sums of their products."""
    lines = [*table.fixed, len(table.columns)]
    gram = np.zeros((len(lines), len(lines)))
    for _, block in table.chunks():
        shown = _picked(block, lines)
        gram += shown @ shown.T
    scale = _scales(gram, table)
    return scale, gram / np.outer(scale, scale)


def _are_nearly_dependent(correlation: FloatArray) -> bool:
    """Whether a column is so well told by earlier ones that sums would lose digits."""
    if not len(correlation):
        return False
    try:
        lower = np.linalg.cholesky(correlation)
    except np.linalg.LinAlgError:
        return True
    return bool((lower.diagonal() ** 2).min() < ORTHOGONAL)


def _scales(gram: FloatArray, table: Table) -> FloatArray:
    """Return root sums of squares; infinite for a column that is constant."""
    squares = gram.diagonal().copy()
    empty = squares[:-1] <= table.rounding()
    scale = np.sqrt(np.maximum(squares, np.finfo(float).tiny))
    scale[:-1][empty] = np.inf
    return np.asarray(scale / np.sqrt(table.n_rows))


def _independent(gram: FloatArray, table: Table) -> IntArray:
    """Return the columns that earlier ones do not determine."""
    p = len(gram) - 1
    correlation = gram[:p, :p]
    if p and correlation.diagonal().min() > 0.5:
        try:
            lower = np.linalg.cholesky(correlation)
            reach = np.abs(solve_triangular(lower, np.eye(p), lower=True)).sum(axis=1)
            if SUSPECT * float(reach.max()) ** 2 < 1.0:
                return np.arange(p)
        except np.linalg.LinAlgError:
            pass  # dependent columns: find out which
    kept: list[int] = []
    for column in range(p):
        if correlation[column, column] > 0.5 and _adds(
            correlation, kept, column, table
        ):
            kept.append(column)
    return np.array(kept, dtype=np.intp)


def _adds(correlation: FloatArray, kept: list[int], column: int, table: Table) -> bool:
    """Return whether a column adds a direction to those kept."""
    if not kept:
        return True
    square = correlation[np.ix_(kept, kept)]
    part = np.linalg.solve(square, correlation[kept, column])
    left = correlation[column, column] - correlation[kept, column] @ part
    if left > SUSPECT * (1.0 + float(np.abs(part).sum())) ** 2:
        return True
    return _share_left(table, kept, column) > DEPENDENT


def _share_left(table: Table, kept: list[int], column: int) -> float:
    """Compute the share of a column that the kept ones leave, from the rows."""
    lines = [table.fixed[k] for k in (*kept, column)]
    rows = np.concatenate([block[lines] for _, block in table.chunks()], axis=1)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    others, own = rows[:-1].T, rows[-1]
    solution = np.linalg.lstsq(others, own, rcond=None)[0]
    return float(np.linalg.norm(own - others @ solution))


def fixed_back(table: Table, basis: FixedBasis) -> FloatArray:
    """Return the matrix from internal to user's coefficients: scales, then shifts."""
    back, lines = np.diag(1.0 / basis.scale), table.fixed
    if table.turn is not None:
        back, lines = table.turn / basis.scale, table.before_turn
    constant = [k for k, line in enumerate(lines) if table.is_constant(line)]
    if constant:
        shifts = np.array([table.shifts[line] for line in lines])
        back[constant[0]] -= shifts @ back
    return back


def random_basis(
    table: Table, lines: Sequence[int], blocks: Sequence[int], moments: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Choose a basis in which the effects of each block are orthogonal on average.

    Returns the matrix applied to the centred columns, and C with user's b = C b,
    which also undoes the centring.
    """
    inner, uncentre = np.zeros(moments.shape), np.eye(len(moments))
    start = 0
    for size in blocks:
        part = range(start, start + size)
        inner[np.ix_(part, part)] = orthogonal_basis(moments[np.ix_(part, part)])
        constant = [k for k in part if table.is_constant(lines[k])]
        if constant:
            uncentre[constant[0], part] -= [table.shifts[lines[k]] for k in part]
        start += size
    return inner, uncentre @ inner


def orthogonal_basis(moments: FloatArray) -> FloatArray:
    """Return C with C'MC = I, or only scaled columns where M is near singular."""
    squares = moments.diagonal()
    scale = 1.0 / np.sqrt(np.where(squares > 0.0, squares, 1.0))
    if len(moments) == 1:
        return np.diag(scale)
    correlation = moments * np.outer(scale, scale)
    if np.linalg.eigvalsh(correlation)[0] > 1e-8:
        lower = np.linalg.cholesky(correlation)
        return np.asarray(scale[:, None] * np.linalg.inv(lower).T)
    return np.diag(scale)


class RawSums(NamedTuple):
    """Sums over rows, per part of the rows.

    ``gram`` holds fixed lines and target, (parts, p + 1, p + 1); ``levels`` the random
    lines times random, fixed and target lines, (parts, q, q + p + 1, levels).
    """

    n_rows: IntArray
    gram: FloatArray
    levels: FloatArray


def raw_sums(
    table: Table,
    codes: IntArray,
    n_levels: int,
    left: Sequence[int],
    parts: IntArray | None = None,
) -> RawSums:
    """Sum the rows once, each distinct product once.

    Parameters
    ----------
    table
        The columns.
    codes, n_levels
        The grouping factor.
    left
        Its lines.
    parts
        A part per row, from zero; by default all rows are one part.
    """
    n_parts = 1 if parts is None else int(parts.max()) + 1
    shown = [*table.fixed, len(table.columns)]
    right = [*left, *shown]
    pairs = sorted({(min(a, b), max(a, b)) for a in left for b in right})
    size = n_parts * n_levels
    sums = {pair: np.zeros(size) for pair in pairs}
    gram = np.zeros((n_parts, len(shown), len(shown)))
    for rows, block in table.chunks():
        cells = codes[rows]
        lines = _picked(block, shown)
        if parts is None:
            gram[0] += lines @ lines.T
        else:
            cells = cells + n_levels * parts[rows]
            _add_grams(gram, lines, parts[rows])
        for a, b in pairs:
            product = block[b] if a in table.units else block[a] * block[b]
            sums[a, b] += np.bincount(cells, product, size)
    empty = np.zeros((0, len(right), n_parts, n_levels))
    levels = [
        [sums[min(a, b), max(a, b)].reshape(n_parts, n_levels) for b in right]
        for a in left
    ]
    stacked = np.array(levels) if levels else empty
    n_rows = [table.n_rows] if parts is None else np.bincount(parts, minlength=n_parts)
    return RawSums(np.asarray(n_rows), gram, stacked.transpose(2, 0, 1, 3))


def _picked(block: FloatArray, lines: Sequence[int]) -> FloatArray:
    """Return some lines, without a copy when they are all."""
    return block if list(lines) == list(range(len(block))) else block[lines]


def _add_grams(gram: FloatArray, lines: FloatArray, parts: IntArray) -> None:
    for part in range(len(gram)):
        own = lines[:, parts == part]
        gram[part] += own @ own.T
