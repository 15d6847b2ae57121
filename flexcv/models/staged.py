"""Penalised least squares for several grouping factors with many levels.

The largest factor is block diagonal and is eliminated level by level; what is left of
the others is one dense matrix of their levels (the order that MixedModels.jl uses).
With V_1 = I + Z_1 D_1 Z_1' of the largest factor, the rest is the problem with
Z_R'V_1^-1 Z_R in place of Z_R'Z_R. Gradients are exact; the Hessian is the average
information of Gilmour, Thompson & Cullis (1995), which needs no further inverse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.linalg import lapack
from scipy.sparse import csr_array

from ._validate import FloatArray
from .links import Links
from .pls import Profile, criterion, resolvent, solve_fixed

INVERTIBLE = 1e-3  # smallest diagonal of Lambda that is divided by


@dataclass(frozen=True, slots=True, eq=False)
class StagedSums:
    """Sums over rows for one large factor and the rest; additive.

    Attributes
    ----------
    n_rows
        Rows that entered.
    gram
        ``[X y]'[X y]``.
    cross
        ``Z_1'[Z_1 X y]`` per level of the largest factor, (q, q + p + 1, levels).
    links
        ``Z_1'Z_R``, one sparse (levels, r) matrix per effect of the largest factor.
    rest
        ``Z_R'[Z_R X y]``, shape (r, r + p + 1).
    sizes
        Effects and levels of each factor, the largest first.
    log_weights
        Sum of the logarithms of the weights.
    """

    n_rows: int
    gram: FloatArray
    cross: FloatArray
    links: tuple[csr_array, ...]
    rest: FloatArray
    sizes: tuple[tuple[int, int], ...]
    log_weights: float = 0.0

    @property
    def n_fixed(self) -> int:
        """Fixed columns, p."""
        return len(self.gram) - 1

    def __add__(self, other: StagedSums) -> StagedSums:
        return self._combined(other, 1)

    def __sub__(self, other: StagedSums) -> StagedSums:
        return self._combined(other, -1)

    def _combined(self, other: StagedSums, sign: int) -> StagedSums:
        return StagedSums(
            self.n_rows + sign * other.n_rows,
            self.gram + sign * other.gram,
            self.cross + sign * other.cross,
            tuple(a + sign * b for a, b in zip(self.links, other.links, strict=True)),
            self.rest + sign * other.rest,
            self.sizes,
            self.log_weights + sign * other.log_weights,
        )


class _Reduced(NamedTuple):
    """The problem after the largest factor is eliminated."""

    q: FloatArray  # (I + M_1 D_1)^-1 per level
    k: FloatArray  # D_1 q
    own: FloatArray  # q [M_1 N_1]
    moments: FloatArray  # Z_R'V_1^-1 Z_R
    right: FloatArray  # Z_R'V_1^-1 [X y]
    chol: FloatArray
    solution: FloatArray  # S^-1 Lambda_R' right


def profile_staged(
    sums: StagedSums,
    links: Links,
    factors: Sequence[FloatArray],
    *,
    reml: bool,
    precision: float | None = None,
) -> Profile:
    """Evaluate the criterion, its gradient and its average information.

    The arguments are those of `pls.profile`, with the factors in the order of
    ``sums.sizes`` and the links that `learn_links` made of ``sums.links``.
    """
    p = sums.n_fixed
    reduced, log_det, schur = _reduce(sums, links, factors)
    fixed = solve_fixed(schur)
    free = sums.n_rows - p if reml else sums.n_rows
    value, level = criterion(
        log_det, fixed, free, sums.log_weights, reml=reml, precision=precision
    )
    projected = _projected(sums, links, factors, reduced)
    scores = projected[:, p] - projected[:, :p] @ fixed.beta
    whitened = projected[:, :p] @ fixed.root.T
    sizes = sums.sizes
    gradient = _traces(sums, links, factors, reduced)
    gradient -= level.precision * _entry_sums(scores[:, None], scores[:, None], sizes)
    if reml:
        gradient -= _entry_sums(whitened, whitened, sizes)
    hessian = _average_information(
        sums, links, factors, reduced, scores, whitened, *level
    )
    return Profile(
        value,
        gradient,
        hessian,
        fixed.beta,
        fixed.root,
        fixed.r2,
        free,
        scores,
        whitened,
        np.zeros(0),
    )


def _reduce(
    sums: StagedSums, links: Links, factors: Sequence[FloatArray]
) -> tuple[_Reduced, float, FloatArray]:
    q, _, levels = sums.cross.shape
    r = len(sums.rest)
    d = factors[0] @ factors[0].T
    eye = np.broadcast_to(np.eye(q)[:, :, None], (q, q, levels))
    extended = np.concatenate([sums.cross, eye], axis=1)
    solved, log_det = resolvent(q)(extended, d, factors[0])
    inverse, own = solved[:, -q:], solved[:, :-q]
    k = (d @ inverse.reshape(q, -1)).reshape(inverse.shape)
    weighted = (d @ own[:, q:].reshape(q, -1)).reshape(q, -1, levels)
    moments = _symmetric(sums.rest[:, :r] - links.product(k))
    right = sums.rest[:, r:] - links.transposed_times(weighted.transpose(0, 2, 1))
    schur = sums.gram.copy()
    for left, other in zip(sums.cross, weighted, strict=True):
        schur -= left[q:] @ other.T
    inner = times_factors(
        times_factors(moments, factors[1:], sums.sizes[1:]).T,
        factors[1:],
        sums.sizes[1:],
    )
    inner[np.diag_indices(r)] += 1.0
    chol, failed = lapack.dpotrf(inner.T, lower=1, overwrite_a=1, clean=0)
    if failed:
        raise np.linalg.LinAlgError("the levels' matrix is not positive definite")
    turned = times_factors(right, factors[1:], sums.sizes[1:])
    solution = lapack.dpotrs(chol, turned, lower=1)[0]
    log_det += 2.0 * float(np.log(chol.diagonal()).sum())
    schur -= turned.T @ solution
    return _Reduced(inverse, k, own, moments, right, chol, solution), log_det, schur


def _symmetric(upper: FloatArray) -> FloatArray:
    """Copy the upper triangle into the lower one, block by block, in place."""
    size, step = len(upper), 64
    for start in range(0, size, step):
        rows = slice(start, start + step)
        square = upper[rows, rows]
        lower = np.tril_indices(len(square), -1)
        square[lower] = square.T[lower]
        upper[start + step :, rows] = upper[rows, start + step :].T
    return upper


def times_factors(
    matrix: FloatArray,
    factors: Sequence[FloatArray],
    sizes: Sequence[tuple[int, int]],
    *,
    transposed: bool = True,
) -> FloatArray:
    """Give Lambda' A (or Lambda A) for A's rows ordered by factor, effect, level."""
    result, start = np.empty_like(matrix), 0
    for factor, (q, n) in zip(factors, sizes, strict=True):
        rows = slice(start, start + q * n)
        left = factor.T if transposed else factor
        if q == 1:
            np.multiply(matrix[rows], factor[0, 0], out=result[rows])
        else:
            block = left @ matrix[rows].reshape(q, -1)
            result[rows] = block.reshape(q * n, -1)
        start += q * n
    return result


def _projected(
    sums: StagedSums,
    links: Links,
    factors: Sequence[FloatArray],
    reduced: _Reduced,
) -> FloatArray:
    """Give Z'V^-1 [X y], the largest factor first."""
    q = len(reduced.q)
    return _after_rest(
        links,
        factors,
        sums.sizes,
        reduced,
        reduced.own[:, q:],
        reduced.right,
        reduced.solution,
    )


def _after_rest(
    links: Links,
    factors: Sequence[FloatArray],
    sizes: Sequence[tuple[int, int]],
    reduced: _Reduced,
    own: FloatArray,
    right: FloatArray,
    solution: FloatArray,
) -> FloatArray:
    """Finish V^-1 from V_1^-1: subtract what the rest explains."""
    turned = times_factors(solution, factors[1:], sizes[1:], transposed=False)
    rest = right - reduced.moments @ turned
    met = links.times(turned)
    first = own - np.einsum("abn,bnc->acn", reduced.q, met)
    return np.vstack([_flat(first), rest])


def _flat(per_level: FloatArray) -> FloatArray:
    """Turn (effects, columns, levels) into rows ordered by effect, then level."""
    q, c, n = per_level.shape
    return per_level.transpose(0, 2, 1).reshape(q * n, c)


def _entry_sums(
    left: FloatArray, right: FloatArray, sizes: Sequence[tuple[int, int]]
) -> FloatArray:
    """Sum products of rows over levels, per factor and pair of effects."""
    sums, start = [], 0
    for q, n in sizes:
        rows = slice(start, start + q * n)
        a, b = left[rows].reshape(q, -1), right[rows].reshape(q, -1)
        sums.append((a @ b.T).reshape(-1))
        start += q * n
    return np.concatenate(sums)


def _traces(
    sums: StagedSums,
    links: Links,
    factors: Sequence[FloatArray],
    reduced: _Reduced,
) -> FloatArray:
    """Sum the level blocks of Z'V^-1Z, per factor."""
    q = len(reduced.q)
    # The lower triangle in Fortran's order is the upper one in NumPy's.
    inverse = _symmetric(lapack.dpotri(reduced.chol, lower=1)[0].T)
    rest = factors[1:]
    left = times_factors(inverse, rest, sums.sizes[1:], transposed=False)
    spread = times_factors(left.T, rest, sums.sizes[1:], transposed=False)
    first = reduced.own[:, :q].sum(axis=2)
    for a in range(q):
        for b in range(a + 1):
            weights = reduced.q[a][:, None] * reduced.q[b][None]
            first[a, b] -= links.weighted_sum(weights, spread)
            first[b, a] = first[a, b]
    if all((np.abs(f.diagonal()) > INVERTIBLE).all() for f in rest):
        others = _rest_traces(inverse, rest, sums.sizes[1:])
    else:
        others = _rest_traces_directly(sums, rest, reduced)
    return np.concatenate([first.reshape(-1), others])


def _rest_traces(
    inverse: FloatArray,
    factors: Sequence[FloatArray],
    sizes: Sequence[tuple[int, int]],
) -> FloatArray:
    """Use Lambda'W Lambda = I - S^-1, where Lambda has an inverse."""
    traces, start = [], 0
    for factor, (q, n) in zip(factors, sizes, strict=True):
        part = slice(start, start + q * n)
        block = inverse[part, part].reshape(q, n, q, n)
        left = n * np.eye(q) - np.einsum("ambm->ab", block)
        back = np.linalg.inv(factor)
        traces.append((back.T @ left @ back).reshape(-1))
        start += q * n
    return np.concatenate(traces)


def _rest_traces_directly(
    sums: StagedSums, factors: Sequence[FloatArray], reduced: _Reduced
) -> FloatArray:
    """Form W = M - M Lambda S^-1 Lambda' M on the level blocks."""
    turned = times_factors(reduced.moments, factors, sums.sizes[1:])
    answer = lapack.dpotrs(reduced.chol, turned, lower=1)[0]
    traces, start = [], 0
    for q, n in sums.sizes[1:]:
        part = slice(start, start + q * n)
        block = reduced.moments[part, part].reshape(q, n, q, n)
        total = np.einsum("ambm->ab", block).copy()
        a = turned[:, part].reshape(-1, q, n)
        b = answer[:, part].reshape(-1, q, n)
        total -= np.einsum("ran,rbn->ab", a, b)
        traces.append(total.reshape(-1))
        start += q * n
    return np.concatenate(traces)


def _average_information(
    sums: StagedSums,
    links: Links,
    factors: Sequence[FloatArray],
    reduced: _Reduced,
    scores: FloatArray,
    whitened: FloatArray,
    precision: float,
    pull_of_r2: float,
) -> FloatArray:
    """Give c (z_i'W z_j - z_i'P z_j) - (c^2 / n) (s'z_i)(s'z_j) with z_i = E_i s."""
    moved = _moved_scores(scores, sums.sizes)
    pulled = _within_times(sums, links, factors, reduced, moved)
    fixed = whitened.T @ moved
    push = precision * (scores @ moved)
    info = precision * (moved.T @ pulled - fixed.T @ fixed)
    return np.asarray(info - pull_of_r2 * np.outer(push, push))


def _moved_scores(scores: FloatArray, sizes: Sequence[tuple[int, int]]) -> FloatArray:
    """Give E_i s as columns: effect b's scores in effect a's place, symmetrised."""
    columns, start = [], 0
    for q, n in sizes:
        own = scores[start : start + q * n].reshape(q, n)
        for a in range(q):
            for b in range(q):
                column = np.zeros((q, n))
                column[a] += 0.5 * own[b]
                column[b] += 0.5 * own[a]
                whole = np.zeros(len(scores))
                whole[start : start + q * n] = column.reshape(-1)
                columns.append(whole)
        start += q * n
    return np.stack(columns, axis=1)


def within_times(
    sums: StagedSums, links: Links, factors: Sequence[FloatArray], right: FloatArray
) -> FloatArray:
    """Give Z'V^-1Z times some columns."""
    reduced, _, _ = _reduce(sums, links, factors)
    return _within_times(sums, links, factors, reduced, right)


def _within_times(
    sums: StagedSums,
    links: Links,
    factors: Sequence[FloatArray],
    reduced: _Reduced,
    right: FloatArray,
) -> FloatArray:
    """Give Z'V^-1Z times some columns."""
    q, n = sums.sizes[0]
    r = len(sums.rest)
    first = right[: q * n].reshape(q, n, -1)
    rest = right[q * n :]
    own = np.einsum("abn,bnc->anc", sums.cross[:, :q], first) + links.times(rest)
    solved = np.einsum("abn,bnc->acn", reduced.q, own)
    weighted = np.einsum("abn,bnc->anc", reduced.k, own)
    others = links.transposed_times(first - weighted) + sums.rest[:, :r] @ rest
    turned = times_factors(others, factors[1:], sums.sizes[1:])
    solution = lapack.dpotrs(reduced.chol, turned, lower=1)[0]
    return _after_rest(links, factors, sums.sizes, reduced, solved, others, solution)
