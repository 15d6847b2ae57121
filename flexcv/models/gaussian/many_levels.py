"""Penalised least squares for several grouping factors with many levels.

The largest factor is block diagonal and is eliminated level by level; what is left of
the others is one dense matrix of their levels (the order that MixedModels.jl uses).
With V_1 = I + Z_1 D_1 Z_1' of the largest factor, the rest is the problem with
Z_R'V_1^-1 Z_R in place of Z_R'Z_R. Gradients are exact; the Hessian is the average
information of Gilmour, Thompson & Cullis (1995), which needs no further inverse.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, cast

import numpy as np
from scipy.linalg import lapack
from scipy.sparse import csr_array

from flexcv.arrays import FloatArray, IntArray
from flexcv.errors import ModelError

from .blocks import (
    ColumnsOf,
    blocks_of_columns,
    form_of_columns,
    level_blocks,
    starts_of,
)
from .criterion import criterion, solve_fixed
from .incidence import Incidence
from .one_factor import (
    SEEN,
    GroupSums,
    Profile,
    resolvent,
)
from .remaining import (
    Rest,
    dense_rest,
    lengthened,
    sparse_rest,
    symmetric,
    times_factors,
)

DIFFERENCE = 1e-4  # step in D for derivatives of sparse determinants
INVERTIBLE = 1e-3  # smallest diagonal of Lambda that is divided by


@dataclass(frozen=True, slots=True, eq=False)
class StagedSums:
    """Sums over rows for one large factor and the rest.

    Attributes
    ----------
    n_rows
        Rows that entered.
    gram
        ``[X y]'[X y]``.
    cross
        ``Z_1'[Z_1 X y]`` per level of the largest factor, (q, q + p + 1, levels).
    incidence
        ``Z_1'Z_R``, one sparse (levels, r) matrix per effect of the largest factor.
    moments
        ``Z_R'Z_R``, (r, r); sparse where r is large.
    right
        ``Z_R'[X y]``, (r, p + 1).
    sizes
        Effects and levels of each factor, the largest first.
    log_weights
        Sum of the logarithms of the weights.
    """

    n_rows: int
    gram: FloatArray
    cross: FloatArray
    incidence: Incidence
    moments: FloatArray | csr_array
    right: FloatArray
    sizes: tuple[tuple[int, int], ...]
    log_weights: float = 0.0

    @property
    def n_fixed(self) -> int:
        """Fixed columns, p."""
        return len(self.gram) - 1

    @property
    def is_exact(self) -> bool:
        """Whether the Hessian is exact; here it is the average information."""
        return False

    @property
    def is_of_rows(self) -> bool:
        """Whether what the levels leave is known from the rows; here from sums."""
        return False

    def profile(
        self,
        factors: Sequence[FloatArray],
        *,
        reml: bool,
        precision: float | None = None,
    ) -> Profile:
        """Evaluate the criterion, its gradient and its average information."""
        return profile_staged(self, factors, reml=reml, precision=precision)

    def moments_by_factor(self) -> list[FloatArray]:
        """Return Z'Z summed over levels, per factor (effects, effects)."""
        q = self.sizes[0][0]
        rest = [
            level_blocks(self.moments, start, q, n).sum(axis=2)
            for start, q, n in starts_of(self.sizes[1:])
        ]
        return [self.cross[:, :q].sum(axis=2), *rest]

    def alone(self) -> list[GroupSums]:
        """Return the sums of each factor as if it were the only one."""
        parts = [self.cross]
        for start, q, n in starts_of(self.sizes[1:]):
            own = level_blocks(self.moments, start, q, n)
            right = self.right[start : start + q * n].reshape(q, n, -1)
            parts.append(np.concatenate([own, right.transpose(0, 2, 1)], axis=1))
        return [GroupSums(self.n_rows, self.gram, cross) for cross in parts]

    def lost(self, r2: float, theta: FloatArray) -> float:
        """Return how many times the last digit of r^2 its sums are off at theta."""
        q = len(self.cross)
        own = float(np.einsum("aan->n", self.cross[:, :q]).max())
        largest = max(own, float(self.moments.diagonal().max()))
        spread = float(np.abs(theta).max(initial=0.0) ** 2)
        return float(self.gram[-1, -1]) / r2 + SEEN * spread * largest

    def far_factors(self) -> list[FloatArray]:
        """Return no Lambda to begin from: its levels are not told apart."""
        return []

    def turned(self, turn: FloatArray) -> StagedSums:
        """Return the sums with the columns ``[X y] turn`` in place of ``[X y]``."""
        q = len(self.cross)
        right = np.einsum("apn,pr->arn", self.cross[:, q:], turn)
        return replace(
            self,
            gram=turn.T @ self.gram @ turn,
            cross=np.concatenate([self.cross[:, :q], right], axis=1),
            right=self.right @ turn,
        )

    def level_rows(self, values: FloatArray) -> FloatArray:
        """Return the values, whose rows are ordered by factor, effect and level."""
        return values

    def within_blocks(
        self,
        at: Profile,  # noqa: ARG002
        factors: Sequence[FloatArray],
    ) -> list[FloatArray]:
        """Return the level blocks of Z'V^-1Z, per factor (levels, effects, effects)."""
        return blocks_of_columns(_within_columns(self, factors), self.sizes)

    def within_square(
        self,
        at: Profile,  # noqa: ARG002
        factors: Sequence[FloatArray],
        places: IntArray,
    ) -> FloatArray:
        """Return rows and columns of Z'V^-1Z at some places."""
        return _within_columns(self, factors)(places)[places]

    def within_form(
        self,
        at: Profile,  # noqa: ARG002
        factors: Sequence[FloatArray],
        place: IntArray,
        load: FloatArray,
    ) -> FloatArray:
        """Return v'Z'V^-1Zv of sparse v, row by row."""
        return form_of_columns(_within_columns(self, factors), place, load)

    def draws(
        self,
        factors: Sequence[FloatArray],  # noqa: ARG002
        sigma: float,  # noqa: ARG002
    ) -> Callable[[np.random.Generator], StagedSums]:
        """Refuse to draw, which would take a square root over all levels."""
        raise ModelError(
            "the bootstrap draws from crossed factors with a few hundred levels at "
            "most, got more; use `profile_intervals`."
        )


class _Reduced(NamedTuple):
    """The problem after the largest factor is eliminated."""

    q: FloatArray  # (I + M_1 D_1)^-1 per level
    k: FloatArray  # D_1 q
    own: FloatArray  # q [M_1 N_1]
    moments: FloatArray | csr_array  # Z_R'V_1^-1 Z_R
    right: FloatArray  # Z_R'V_1^-1 [X y]
    rest: Rest
    solution: FloatArray  # S^-1 Lambda_R' right


def profile_staged(
    sums: StagedSums,
    factors: Sequence[FloatArray],
    *,
    reml: bool,
    precision: float | None = None,
) -> Profile:
    """Evaluate the criterion, its gradient and its average information.

    The arguments are those of `one_factor.profile`, with the factors in the order of
    ``sums.sizes``.
    """
    p = sums.n_fixed
    reduced, log_det, schur = _reduce(sums, factors)
    fixed = solve_fixed(schur)
    free = sums.n_rows - p if reml else sums.n_rows
    value, level = criterion(
        log_det, fixed, free, sums.log_weights, reml=reml, precision=precision
    )
    projected = _projected(sums, factors, reduced)
    scores = projected[:, p] - projected[:, :p] @ fixed.beta
    whitened = projected[:, :p] @ fixed.root.T
    sizes = sums.sizes
    gradient = _traces(sums, factors, reduced)
    gradient -= level.precision * _entry_sums(scores[:, None], scores[:, None], sizes)
    if reml:
        gradient -= _entry_sums(whitened, whitened, sizes)
    hessian = _average_information(sums, factors, reduced, scores, whitened, *level)
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
    sums: StagedSums, factors: Sequence[FloatArray]
) -> tuple[_Reduced, float, FloatArray]:
    q, _, levels = sums.cross.shape
    d = factors[0] @ factors[0].T
    eye = np.broadcast_to(np.eye(q)[:, :, None], (q, q, levels))
    extended = np.concatenate([sums.cross, eye], axis=1)
    solved, log_det = resolvent(q)(extended, d, factors[0])
    inverse, own = solved[:, -q:], solved[:, :-q]
    k = (d @ inverse.reshape(q, -1)).reshape(inverse.shape)
    weighted = (d @ own[:, q:].reshape(q, -1)).reshape(q, -1, levels)
    moments = _moments(sums, k)
    right = sums.right - sums.incidence.transposed_times(weighted.transpose(0, 2, 1))
    schur = sums.gram.copy()
    for left, other in zip(sums.cross, weighted, strict=True):
        schur -= left[q:] @ other.T
    others = factors[1:], sums.sizes[1:]
    if isinstance(moments, csr_array):
        rest = sparse_rest(moments, *others)
    else:
        rest = dense_rest(moments, *others)
    turned = times_factors(right, *others)
    solution = rest.solve(turned)
    schur -= turned.T @ solution
    reduced = _Reduced(inverse, k, own, moments, right, rest, solution)
    return reduced, log_det + rest.log_det, schur


def _moments(sums: StagedSums, weights: FloatArray) -> FloatArray | csr_array:
    """Return Z_R'V_1^-1 Z_R."""
    if isinstance(sums.moments, csr_array):
        return csr_array(sums.moments - sums.incidence.sparse_product(weights))
    return symmetric(sums.moments - sums.incidence.product(weights))


def _projected(
    sums: StagedSums,
    factors: Sequence[FloatArray],
    reduced: _Reduced,
) -> FloatArray:
    """Return Z'V^-1 [X y], the largest factor first."""
    q = len(reduced.q)
    return _after_rest(
        sums,
        factors,
        reduced,
        reduced.own[:, q:],
        reduced.right,
        reduced.solution,
    )


def _after_rest(
    sums: StagedSums,
    factors: Sequence[FloatArray],
    reduced: _Reduced,
    own: FloatArray,
    right: FloatArray,
    solution: FloatArray,
) -> FloatArray:
    """Finish V^-1 from V_1^-1: subtract what the rest explains."""
    turned = times_factors(solution, factors[1:], sums.sizes[1:], transposed=False)
    rest = right - reduced.moments @ turned
    met = sums.incidence.times(turned)
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
    factors: Sequence[FloatArray],
    reduced: _Reduced,
) -> FloatArray:
    """Sum the level blocks of Z'V^-1Z, per factor."""
    if reduced.rest.chol is None:
        return _traces_by_differences(sums, factors)
    q = len(reduced.q)
    # The lower triangle in Fortran's order is the upper one in NumPy's.
    inverse = symmetric(lapack.dpotri(reduced.rest.chol, lower=1)[0].T)
    rest = factors[1:]
    left = times_factors(inverse, rest, sums.sizes[1:], transposed=False)
    spread = times_factors(left.T, rest, sums.sizes[1:], transposed=False)
    first = reduced.own[:, :q].sum(axis=2)
    for a in range(q):
        for b in range(a + 1):
            weights = reduced.q[a][:, None] * reduced.q[b][None]
            first[a, b] -= sums.incidence.weighted_sum(weights, spread)
            first[b, a] = first[a, b]
    if all((np.abs(f.diagonal()) > INVERTIBLE).all() for f in rest):
        others = _rest_traces(inverse, rest, sums.sizes[1:])
    else:
        others = _rest_traces_directly(sums, rest, reduced)
    return np.concatenate([first.reshape(-1), others])


def _traces_by_differences(
    sums: StagedSums, factors: Sequence[FloatArray]
) -> FloatArray:
    """Differentiate log|V| along v v', which keeps every D positive semidefinite.

    For symmetric G the value along v is v'Gv, so pairs of axes give all entries.
    """
    here, traces = _log_det(sums, factors), []
    for place, (factor, (q, _)) in enumerate(zip(factors, sums.sizes, strict=True)):
        along = np.empty((q, q))
        for a, b in zip(*np.tril_indices(q), strict=True):
            axis = np.zeros(q)
            axis[[a, b]] = 1.0
            step = DIFFERENCE * (1.0 + float((factor.T @ axis) @ (factor.T @ axis)))
            moved = list(factors)
            values = [here]
            for size in (step, 2.0 * step):
                moved[place] = lengthened(factor, np.sqrt(size) * axis)
                values.append(_log_det(sums, moved))
            slope = (-3.0 * values[0] + 4.0 * values[1] - values[2]) / (2.0 * step)
            along[a, b] = along[b, a] = slope
        own = along.diagonal()
        mixed = 0.5 * (along - own[:, None] - own)
        mixed[np.diag_indices(q)] = own
        traces.append(mixed.reshape(-1))
    return np.concatenate(traces)


def _log_det(sums: StagedSums, factors: Sequence[FloatArray]) -> float:
    return _reduce(sums, factors)[1]


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
    moments = cast("FloatArray", reduced.moments)
    turned = times_factors(moments, factors, sums.sizes[1:])
    answer = reduced.rest.solve(turned)
    traces, start = [], 0
    for q, n in sums.sizes[1:]:
        part = slice(start, start + q * n)
        block = moments[part, part].reshape(q, n, q, n)
        total = np.einsum("ambm->ab", block).copy()
        a = turned[:, part].reshape(-1, q, n)
        b = answer[:, part].reshape(-1, q, n)
        total -= np.einsum("ran,rbn->ab", a, b)
        traces.append(total.reshape(-1))
        start += q * n
    return np.concatenate(traces)


def _average_information(
    sums: StagedSums,
    factors: Sequence[FloatArray],
    reduced: _Reduced,
    scores: FloatArray,
    whitened: FloatArray,
    precision: float,
    pull_of_r2: float,
) -> FloatArray:
    """Return c (z_i'W z_j - z_i'P z_j) - (c^2 / n) (s'z_i)(s'z_j) with z_i = E_i s."""
    moved = _moved_scores(scores, sums.sizes)
    pulled = _within_times(sums, factors, reduced, moved)
    fixed = whitened.T @ moved
    push = precision * (scores @ moved)
    info = precision * (moved.T @ pulled - fixed.T @ fixed)
    return np.asarray(info - pull_of_r2 * np.outer(push, push))


def _moved_scores(scores: FloatArray, sizes: Sequence[tuple[int, int]]) -> FloatArray:
    """Return E_i s as columns: effect b's scores in effect a's place, symmetrised."""
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


def _within_columns(sums: StagedSums, factors: Sequence[FloatArray]) -> ColumnsOf:
    """Return the function for some columns of Z'V^-1Z."""
    reduced, _, _ = _reduce(sums, factors)
    total = sum(q * n for q, n in sums.sizes)

    def columns(places: IntArray) -> FloatArray:
        units = np.zeros((total, len(places)))
        units[places, np.arange(len(places))] = 1.0
        return _within_times(sums, factors, reduced, units)

    return columns


def _within_times(
    sums: StagedSums,
    factors: Sequence[FloatArray],
    reduced: _Reduced,
    right: FloatArray,
) -> FloatArray:
    """Return Z'V^-1Z times some columns."""
    q, n = sums.sizes[0]
    first = right[: q * n].reshape(q, n, -1)
    rest = right[q * n :]
    own = np.einsum("abn,bnc->anc", sums.cross[:, :q], first) + sums.incidence.times(
        rest
    )
    solved = np.einsum("abn,bnc->acn", reduced.q, own)
    weighted = np.einsum("abn,bnc->anc", reduced.k, own)
    others = sums.incidence.transposed_times(first - weighted) + sums.moments @ rest
    turned = times_factors(others, factors[1:], sums.sizes[1:])
    solution = reduced.rest.solve(turned)
    return _after_rest(sums, factors, reduced, solved, others, solution)
