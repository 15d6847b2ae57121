"""Penalised least squares for one grouping factor: deviance, gradient and Hessian.

The model is y = X beta + Z b + e with b ~ N(0, sigma^2 D) in each level and
e ~ N(0, sigma^2 I). Everything needed is a sum over rows within levels, so an
evaluation costs O(levels) whatever the number of rows. With V = I + Z D Z',

    ML    log|V| + n (1 + log(2 pi r^2 / n)),           r^2 = e' V^-1 e
    REML  log|V| + log|X'V^-1 X| + (n - p)(1 + log(2 pi r^2 / (n - p)))

Bates, Maechler, Bolker & Walker (2015), section 3; derivatives in D through
(I + M D)^-1 with M = Z'Z of a level, which needs no inverse of D.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from flexcv.arrays import FloatArray, IntArray

from .criterion import criterion, solve_fixed
from .draws import draws_of_one_factor
from .far_levels import far_factors

LARGE = 30.0  # deviation, relative to the residual, whose square loses digits
EMPTY = 1e-7  # a direction of Z in a level, relative to its largest, that is none
SEEN = 0.05  # share of what rounding could do to a large variance's neighbours


@dataclass(frozen=True, slots=True, eq=False)
class GroupSums:
    """Sums over the rows of each level.

    Attributes
    ----------
    n_rows
        Rows that entered.
    gram
        ``[X y]'[X y]``, shape (p + 1, p + 1).
    cross
        ``Z'[Z X y]`` per level, shape (q, q + p + 1, levels).
    log_weights
        Sum of the logarithms of the weights.
    within
        What Z of its level leaves of ``[X y]``, squared and summed over rows; None
        where it is as well known from `gram` and `cross`.

    Examples
    --------
    >>> GroupSums(2, np.eye(2), np.ones((1, 3, 4))).sizes
    ((1, 4),)
    """

    n_rows: int
    gram: FloatArray
    cross: FloatArray
    log_weights: float = 0.0
    within: FloatArray | None = None

    def roots(self) -> tuple[FloatArray, FloatArray]:
        """Return R and C with R'R = Z'Z and R'C = Z'[X y], per level first."""
        q = self.n_effects
        moments = self.cross[:, :q].transpose(2, 0, 1)
        values, axes = np.linalg.eigh(moments)
        size = np.sqrt(np.maximum(values, 0.0))
        used = size > EMPTY * size[:, -1:]
        back = np.where(used, 1.0 / np.where(used, size, 1.0), 0.0)
        turned = np.swapaxes(axes, 1, 2)
        others = self.cross[:, q:].transpose(2, 0, 1)
        root = np.where(used, size, 0.0)[:, :, None] * turned
        return root, back[:, :, None] * (turned @ others)

    @property
    def n_effects(self) -> int:
        """Effects per level, q."""
        return len(self.cross)

    @property
    def n_fixed(self) -> int:
        """Fixed columns, p."""
        return len(self.gram) - 1

    @property
    def is_exact(self) -> bool:
        """Whether the Hessian is exact."""
        return True

    @property
    def is_of_rows(self) -> bool:
        """Whether what the levels leave is known from the rows, to their last digit."""
        return self.within is not None

    @property
    def sizes(self) -> tuple[tuple[int, int], ...]:
        """Effects and levels of the factor; nothing without one."""
        q, _, n = self.cross.shape
        return ((q, n),) if q else ()

    def profile(
        self,
        factors: Sequence[FloatArray],
        *,
        reml: bool,
        precision: float | None = None,
    ) -> Profile:
        """Evaluate the criterion and its derivatives."""
        if not factors:
            return profile_plain(self, reml=reml, precision=precision)
        return profile(self, factors[0], reml=reml, precision=precision)

    def moments_by_factor(self) -> list[FloatArray]:
        """Return Z'Z summed over levels, (effects, effects)."""
        q = self.n_effects
        return [self.cross[:, :q].sum(axis=2)] if q else []

    def alone(self) -> list[GroupSums]:
        """Return the sums of each factor as if it were the only one."""
        return [self] if self.n_effects else []

    def lost(self, r2: float, theta: FloatArray) -> float:
        """Return how many times the last digit of r^2 its sums are off at theta.

        It grows with the part of the target that a difference of sums takes away, and
        with the largest variance of a row where others stand beside it.
        """
        lost = 0.0 if self.within is not None else float(self.gram[-1, -1]) / r2
        if self.n_effects > 1:
            moments = np.einsum("aan->n", self.cross[:, : self.n_effects])
            lost += SEEN * float(np.abs(theta).max() ** 2 * moments.max())
        return lost

    def far_factors(self) -> list[FloatArray]:
        """Return Lambdas to begin from where the levels lie far from zero.

        They are known where what the levels leave was found from the rows.
        """
        if self.within is None or not self.n_effects:
            return []
        noise = float(self.within[-1, -1]) / self.n_rows
        square = self.cross[:, : self.n_effects].transpose(2, 0, 1)
        return far_factors(square, self.cross[:, -1].T, noise)

    def turned(self, turn: FloatArray) -> GroupSums:
        """Return the sums with the columns ``[X y] turn`` in place of ``[X y]``."""
        q = self.n_effects
        right = np.einsum("apn,pr->arn", self.cross[:, q:], turn)
        cross = np.concatenate([self.cross[:, :q], right], axis=1)
        gram, within = (
            None if square is None else turn.T @ square @ turn
            for square in (self.gram, self.within)
        )
        assert gram is not None
        return replace(self, gram=gram, cross=cross, within=within)

    def level_rows(self, values: FloatArray) -> FloatArray:
        """Return an array per level as rows ordered by effect and level."""
        if values.ndim != 3:
            return values
        q, p, n = values.shape
        return values.transpose(0, 2, 1).reshape(q * n, p)

    def within_blocks(
        self,
        at: Profile,
        factors: Sequence[FloatArray],  # noqa: ARG002
    ) -> list[FloatArray]:
        """Return the level blocks of Z'V^-1Z, (levels, effects, effects)."""
        return [at.within.transpose(2, 0, 1)] if self.n_effects else []

    def within_square(
        self,
        at: Profile,
        factors: Sequence[FloatArray],  # noqa: ARG002
        places: IntArray,
    ) -> FloatArray:
        """Return rows and columns of Z'V^-1Z at some places."""
        effect, level = np.divmod(places, self.sizes[0][1])
        square = at.within[effect[:, None], effect, level]
        return np.where(level[:, None] == level, square, 0.0)

    def within_form(
        self,
        at: Profile,
        factors: Sequence[FloatArray],  # noqa: ARG002
        place: IntArray,
        load: FloatArray,
    ) -> FloatArray:
        """Return v'Z'V^-1Zv of sparse v, row by row."""
        within = at.within[:, :, place[:, 0] % self.sizes[0][1]]
        return np.asarray(np.einsum("na,abn,nb->n", load, within, load))

    def draws(
        self, factors: Sequence[FloatArray], sigma: float
    ) -> Callable[[np.random.Generator], GroupSums]:
        """Return the function that draws the sums anew from the model."""
        draw = draws_of_one_factor(self.gram, self.cross, self.n_rows, factors, sigma)
        return lambda rng: replace(self, **draw(rng)._asdict(), within=None)


class Profile(NamedTuple):
    """The criterion at one D with everything profiled out of it.

    ``gradient`` and ``hessian`` are in the entries of D (of each factor, one after
    another); ``scores`` are Z'V^-1 e, ``whitened`` Z'V^-1 X R^-1 (rows by factor,
    effect, level; for one factor (q, p, levels)) and ``within`` Z'V^-1 Z.
    """

    value: float
    gradient: FloatArray
    hessian: FloatArray
    beta: FloatArray
    root: FloatArray
    r2: float
    free: int
    scores: FloatArray
    whitened: FloatArray
    within: FloatArray


def profile(
    sums: GroupSums,
    factor: FloatArray,
    *,
    reml: bool,
    precision: float | None = None,
) -> Profile:
    """Evaluate the criterion and its two derivatives at D = factor factor'.

    Parameters
    ----------
    sums
        The sums of the training rows.
    factor
        Lambda, shape (q, q).
    reml
        Whether to maximise the restricted likelihood.
    precision
        A residual precision 1 / sigma^2 to keep instead of the best one.

    Examples
    --------
    Four levels with two rows each, y being -1 and 1 within each level:

    >>> cross = np.tile(np.array([[[2.0], [0.0]]]), (1, 1, 4))
    >>> sums = GroupSums(8, np.array([[8.0]]), cross)
    >>> round(profile(sums, np.zeros((1, 1)), reml=False).value, 6)
    22.703017
    """
    q, p = sums.n_effects, sums.n_fixed
    solved, log_det, schur = _reduced(sums, factor)
    fixed = solve_fixed(schur)
    free = sums.n_rows - p if reml else sums.n_rows
    value, level = criterion(
        log_det, fixed, free, sums.log_weights, reml=reml, precision=precision
    )
    within, mixed = solved[:, :q], solved[:, q : q + p]
    scores = solved[:, -1] - np.matmul(fixed.beta, mixed)
    whitened = np.matmul(fixed.root, mixed)
    gradient, hessian = _derivatives(
        within, whitened, scores, level.precision, level.pull, reml
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
        within,
    )


def _reduced(
    sums: GroupSums, factor: FloatArray
) -> tuple[FloatArray, float, FloatArray]:
    """Return Z'V^-1[Z X y] per level, log|V| and [X y]'V^-1[X y]."""
    q = sums.n_effects
    if np.abs(factor).max() > LARGE:
        return _reduced_by_rotations(sums, factor)
    d = factor @ factor.T
    solved, log_det = resolvent(q)(sums.cross, d, factor)
    weighted = (d @ solved.reshape(q, -1)).reshape(solved.shape)
    schur = sums.gram.copy()
    for left, right in zip(sums.cross, weighted, strict=True):
        schur -= left[q:] @ right[q:].T
    return solved, log_det, schur


def _reduced_by_rotations(
    sums: GroupSums, factor: FloatArray
) -> tuple[FloatArray, float, FloatArray]:
    """Return the same where a variance is so large that differences lose their digits.

    With M = R'R and N = R'C of a level and B = R Lambda, (I + B B')^-1 = G G' where G
    completes the rotation of [B; I] to a triangle. So [X y]'V^-1[X y] is what the
    levels leave of [X y] plus the squares (G'C)'(G'C), and nothing is subtracted.
    """
    q = sums.n_effects
    root, own = sums.roots()
    rest, log_det = _completion(root @ factor)
    left = np.swapaxes(rest, 1, 2) @ np.concatenate([root, own], axis=2)
    solved = np.swapaxes(root, 1, 2) @ (rest @ left)
    flat, inside = (part.reshape(-1, own.shape[2]) for part in (own, left[:, :, q:]))
    within = sums.gram - flat.T @ flat if sums.within is None else sums.within
    schur = within + inside.T @ inside
    return np.ascontiguousarray(solved.transpose(1, 2, 0)), log_det, schur


def _completion(tall: FloatArray) -> tuple[FloatArray, float]:
    """Return G with G G' = (I + B B')^-1 per level, and the sum of log|I + B B'|."""
    q = tall.shape[1]
    if q == 1:
        squares = 1.0 + tall**2
        return 1.0 / np.sqrt(squares), float(np.log(squares).sum())
    eye = np.broadcast_to(np.eye(q), tall.shape)
    both = np.concatenate([tall, eye], axis=1)
    rotation, upper = np.linalg.qr(both, mode="complete")
    sizes = np.abs(np.einsum("naa->na", upper[:, :q]))
    return rotation[:, :q, q:], 2.0 * float(np.log(sizes).sum())


def profile_plain(
    sums: GroupSums, *, reml: bool, precision: float | None = None
) -> Profile:
    """Return the criterion of a model without random effects."""
    free = sums.n_rows - sums.n_fixed if reml else sums.n_rows
    fixed = solve_fixed(sums.gram)
    nothing = np.zeros(0)
    value = np.nan
    if free > 0:
        value, _ = criterion(
            0.0, fixed, free, sums.log_weights, reml=reml, precision=precision
        )
    return Profile(
        value,
        nothing,
        np.zeros((0, 0)),
        fixed.beta,
        fixed.root,
        fixed.r2,
        free,
        nothing,
        np.zeros((0, sums.n_fixed)),
        nothing,
    )


def resolvent(
    q: int,
) -> Callable[[FloatArray, FloatArray, FloatArray], tuple[FloatArray, float]]:
    """Return the function for (I + M D)^-1 [M N] per level and log|V|."""
    return {1: _resolvent_1, 2: _resolvent_2}.get(q, _resolvent_q)


def _resolvent_1(
    cross: FloatArray, d: FloatArray, _factor: FloatArray
) -> tuple[FloatArray, float]:
    scale = 1.0 + d[0, 0] * cross[0, 0]
    return cross / scale, float(np.log(scale).sum())


def _resolvent_2(
    cross: FloatArray, d: FloatArray, _factor: FloatArray
) -> tuple[FloatArray, float]:
    """Invert I + M D in closed form; its determinant is a sum without cancellation."""
    m00, m01, m11 = cross[0, 0], cross[0, 1], cross[1, 1]
    d00, d01, d11 = d[0, 0], d[0, 1], d[1, 1]
    b00, b01 = m00 * d00 + m01 * d01, m00 * d01 + m01 * d11
    b10, b11 = m01 * d00 + m11 * d01, m01 * d01 + m11 * d11
    det_m = np.maximum(m00 * m11 - m01 * m01, 0.0)
    det = 1.0 + b00 + b11 + det_m * max(d00 * d11 - d01 * d01, 0.0)
    solved = np.empty_like(cross)
    np.subtract((1.0 + b11) * cross[0], b01 * cross[1], out=solved[0])
    np.subtract((1.0 + b00) * cross[1], b10 * cross[0], out=solved[1])
    solved /= det
    return solved, float(np.log(det).sum())


def _resolvent_q(
    cross: FloatArray, _d: FloatArray, factor: FloatArray
) -> tuple[FloatArray, float]:
    """Solve with I + Lambda' M Lambda, eliminated for all levels at once."""
    q = len(factor)
    right = (factor.T @ cross.reshape(q, -1)).reshape(cross.shape)
    half = right[:, :q].copy()
    inner = np.matmul(factor.T, half)
    inner[np.arange(q), np.arange(q)] += 1.0
    log_det = _eliminate(inner, right)
    solved = cross.copy()
    for k in range(q):
        solved -= half[k][:, None] * right[k]
    return solved, log_det


def _eliminate(matrix: FloatArray, right: FloatArray) -> float:
    """Solve in place by symmetric elimination; the matrices are positive definite."""
    q, log_det = len(matrix), 0.0
    for k in range(q):
        pivot = matrix[k, k]
        log_det += float(np.log(pivot).sum())
        for i in range(k + 1, q):
            ratio = matrix[i, k] / pivot
            matrix[i, k:] -= ratio * matrix[k, k:]
            right[i] -= ratio * right[k]
    for k in reversed(range(q)):
        for j in range(k + 1, q):
            right[k] -= matrix[k, j] * right[j]
        right[k] /= matrix[k, k]
    return log_det


def _derivatives(
    within: FloatArray,
    whitened: FloatArray,
    scores: FloatArray,
    precision: float,
    pull_of_r2: float,
    reml: bool,
) -> tuple[FloatArray, FloatArray]:
    """Return the gradient (q, q) and the Hessian (q q, q q) in the entries of D.

    With W = Z'V^-1Z, T = Z'V^-1X R^-1, s = Z'V^-1e and c = free / r^2, and E_i the
    direction of entry i, the Hessian is the sum over levels of
    -tr(E_i W E_j (W - 2 T T' - 2 c s s')), less the squares of the sums of T'E_iT,
    of T'E_is and of s'E_is.
    """
    q, p, n_levels = whitened.shape
    outer = precision * scores[:, None] * scores
    middle = within - 2.0 * outer
    products = outer.sum(axis=2)
    gradient = within.sum(axis=2) - products
    flat = whitened.reshape(q * p, n_levels)
    pull = (flat @ scores.T).reshape(q, p, q).transpose(0, 2, 1).reshape(q * q, p)
    push = products.reshape(-1)
    hessian = -2.0 * precision * (pull @ pull.T) - pull_of_r2 * np.outer(push, push)
    if reml and p:
        spread = (flat @ flat.T).reshape(q, p, q, p).transpose(0, 2, 1, 3)
        gradient -= spread.trace(axis1=2, axis2=3)
        rows = spread.reshape(q * q, p * p)
        hessian -= rows @ rows.T
        for a in range(q):
            middle[a] -= 2.0 * (whitened[a] * whitened).sum(axis=1)
    pairs = within.reshape(q * q, n_levels) @ middle.reshape(q * q, n_levels).T
    hessian -= pairs.reshape(q, q, q, q).transpose(0, 2, 1, 3).reshape(q * q, q * q)
    return gradient, hessian
