"""From the rows of a table to sums in a harmless basis, and the way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csc_array, csr_array
from scipy.sparse import hstack as sparse_hstack

from flexcv.arrays import FloatArray, IntArray
from flexcv.models.design.accumulate import (
    FixedBasis,
    RawSums,
    Table,
    fixed_back,
    fixed_basis,
    random_basis,
    raw_sums,
)
from flexcv.models.design.columns import RandomDesign, RandomFactor

from .few_levels import DenseSums
from .incidence import learn_incidence
from .many_levels import StagedSums
from .one_factor import GroupSums
from .sums import Sums

DENSE_COLUMNS = 300  # more columns of Z than this are treated in stages
SPARSE_COLUMNS = 4000  # more of them beside the largest factor are kept sparse


@dataclass(frozen=True, slots=True, eq=False)
class Basis:
    """How the internal columns come from the user's.

    Attributes
    ----------
    kept
        Positions of the fixed columns that are not redundant.
    fixed
        Matrix from internal to user's fixed effects.
    origin
        Least-squares coefficients that were taken out of the target.
    random
        Per factor the matrix C with user's b = C (internal b).
    target_scale
        What the target was divided by.
    """

    kept: IntArray
    fixed: FloatArray
    origin: FloatArray
    random: tuple[FloatArray, ...]
    target_scale: float


def sums_and_basis(
    fixed: Sequence[FloatArray],
    design: RandomDesign,
    target: FloatArray,
    weights: FloatArray | None = None,
    constant: FloatArray | None = None,
    *,
    exact: bool = False,
) -> tuple[Sums, Basis]:
    """Sum the rows of a table, in at most three passes.

    Parameters
    ----------
    fixed
        The fixed columns.
    design
        The random part, with all levels known.
    target
        The target less the offset.
    weights
        Inverse relative residual variances.
    constant
        The object among the columns that is the column of ones.
    exact
        Whether what the levels of one factor leave is summed from the rows, too.
    """
    table = Table(fixed, design, target, weights, constant)
    chosen = fixed_basis(table)
    if len(design.factors) > 1:
        return _several_factors(table, design, chosen)
    parts, basis = sums_of_parts(table, design, chosen, exact=exact)
    return parts[0], basis


def sums_of_parts(
    table: Table,
    design: RandomDesign,
    chosen: FixedBasis,
    parts: IntArray | None = None,
    *,
    exact: bool = False,
) -> tuple[list[GroupSums], Basis]:
    """Sum one factor's rows, or none's, for each part of the rows, in one basis."""
    lines, codes, levels, blocks = _only_factor(table, design)
    raw = raw_sums(table, codes, levels, lines, parts)
    q = len(lines)
    moments = raw.levels[:, :, :q].sum(axis=(0, 3)) / len(design)
    inner, back = random_basis(table, lines, blocks, moments)
    scale = _with_target(chosen, raw.gram.sum(axis=0), len(design))
    made = [
        _group_sums(raw, part, inner, scale, table.log_weights)
        for part in range(len(raw.gram))
    ]
    if exact and lines:
        within = _within(table, codes, made[0], inner, scale)
        made = [replace(made[0], within=within)]
    random = (back,) if design.factors else ()
    return made, _basis(table, chosen, random, float(scale[-1]))


def _within(
    table: Table,
    codes: IntArray,
    sums: GroupSums,
    inner: FloatArray,
    scale: FloatArray,
) -> FloatArray:
    """Sum the squares of what the levels leave of fixed columns and target.

    From the rows: where they explain all but a trace of the target, a difference of
    sums would be noise.
    """
    root, own = sums.roots()
    squares = (root**2).sum(axis=2, keepdims=True)
    back = root / np.where(squares > 0.0, squares, 1.0)
    coefficients = np.swapaxes(np.swapaxes(back, 1, 2) @ own, 1, 2)
    total = np.zeros_like(sums.gram)
    for rows, block in table.chunks():
        left = block[[*table.fixed, len(table.columns)]] / scale[:, None]
        z = inner.T @ block[table.random[0]]
        for effect, line in enumerate(z):
            left -= coefficients[codes[rows], :, effect].T * line
        total += left @ left.T
    return total


def _only_factor(
    table: Table, design: RandomDesign
) -> tuple[list[int], IntArray, int, tuple[int, ...]]:
    if not design.factors:
        return [], np.zeros(len(design), dtype=np.intp), 0, ()
    factor = design.factors[0]
    return table.random[0], factor.codes, factor.n_levels, factor.blocks


def _group_sums(
    raw: RawSums, part: int, inner: FloatArray, scale: FloatArray, log_weights: float
) -> GroupSums:
    """Carry raw sums to the internal basis."""
    q = len(inner)
    levels = raw.levels[part]
    cross = levels
    if q:
        cross = (inner.T @ levels.reshape(q, -1)).reshape(levels.shape)
        cross[:, :q] = np.matmul(inner.T, cross[:, :q])
        cross[:, q:] /= scale[:, None]
    gram = raw.gram[part] / np.outer(scale, scale)
    return GroupSums(int(raw.n_rows[part]), gram, cross, log_weights)


def _with_target(chosen: FixedBasis, gram: FloatArray, n_rows: int) -> FloatArray:
    """Return the scales of the fixed columns, and of the target last."""
    spread = float(np.sqrt(gram[-1, -1] / n_rows))
    return np.append(chosen.scale, spread or 1.0)


def _basis(
    table: Table,
    chosen: FixedBasis,
    random: tuple[FloatArray, ...],
    target_scale: float,
) -> Basis:
    back = fixed_back(table, chosen)
    return Basis(chosen.kept, back, chosen.origin * chosen.scale, random, target_scale)


def _several_factors(
    table: Table, design: RandomDesign, chosen: FixedBasis
) -> tuple[DenseSums | StagedSums, Basis]:
    columns, bases = [], []
    rows = np.concatenate([block for _, block in table.chunks()], axis=1)
    right = rows[[*table.fixed, len(table.columns)]]
    scale = _with_target(chosen, right @ right.T, len(design))
    right /= scale[:, None]
    for factor, lines in zip(design.factors, table.random, strict=True):
        own = rows[lines]
        moments = own @ own.T / len(design)
        inner, back = random_basis(table, lines, factor.blocks, moments)
        columns.append((factor, inner.T @ own))
        bases.append(back)
    sparse = [_indicator_columns(f, values) for f, values in columns]
    z = sparse_hstack(sparse, format="csr")
    sizes = tuple((f.n_effects, f.n_levels) for f in design.factors)
    gram = right @ right.T
    basis = _basis(table, chosen, tuple(bases), float(scale[-1]))
    if z.shape[1] > DENSE_COLUMNS:
        return _staged(z, right, gram, sizes, table), basis
    cross = np.hstack([(z.T @ z).toarray(), z.T @ right.T])
    return DenseSums(table.n_rows, gram, cross, sizes, table.log_weights), basis


def _staged(
    z: csr_array,
    right: FloatArray,
    gram: FloatArray,
    sizes: tuple[tuple[int, int], ...],
    table: Table,
) -> StagedSums:
    """Split Z'[Z X y] into the largest factor, the rest and their links."""
    (q, n), first = sizes[0], sizes[0][0] * sizes[0][1]
    own, rest = z[:, :first].tocsr(), z[:, first:].tocsr()
    blocks = [own[:, k * n : (k + 1) * n] for k in range(q)]
    cross = np.empty((q, q + len(right), n))
    for a, left in enumerate(blocks):
        for b, other in enumerate(blocks):
            cross[a, b] = np.asarray((left.multiply(other)).sum(axis=0)).reshape(-1)
        cross[a, q:] = (left.T @ right.T).T
    links = tuple(csr_array(block.T @ rest) for block in blocks)
    square, is_sparse = csr_array(rest.T @ rest), rest.shape[1] > SPARSE_COLUMNS
    return StagedSums(
        table.n_rows,
        gram,
        cross,
        learn_incidence(links, sparse=is_sparse),
        square if is_sparse else square.toarray(),
        rest.T @ right.T,
        sizes,
        table.log_weights,
    )


def _indicator_columns(factor: RandomFactor, values: FloatArray) -> csc_array:
    """Return Z of one factor, ordered by effect, then by level."""
    n, levels = len(factor.codes), factor.n_levels
    cols = np.concatenate([k * levels + factor.codes for k in range(len(values))])
    rows = np.tile(np.arange(n), len(values))
    shape = (n, levels * len(values))
    return csc_array((values.reshape(-1), (rows, cols)), shape=shape)
