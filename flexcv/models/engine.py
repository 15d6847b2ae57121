"""Fit a linear mixed model from columns or from sums.

Columns become sums in a harmless basis (`accumulate`), the criterion is minimised in
theta (`pls`, `crossed`, `optimize`), and the answer goes back to the user's basis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from scipy.linalg import block_diag
from scipy.sparse import csc_array, csr_array
from scipy.sparse import hstack as sparse_hstack

from ._validate import FloatArray, IntArray
from .accumulate import (
    FixedBasis,
    Table,
    fixed_back,
    fixed_basis,
    level_sums,
    random_basis,
)
from .covariance import (
    CovarianceShape,
    changed_basis,
    covariance_shape,
    split_theta,
)
from .crossed import DenseSums, profile_dense
from .design import RandomDesign, RandomFactor
from .optimize import Minimum, minimise
from .pls import GroupSums, Profile, profile, profile_plain
from .staged import Links, StagedSums, learn_links, profile_staged

DENSE_COLUMNS = 300  # more columns of Z than this are treated in stages
START = 0.87  # not round: a step from a round number can land exactly on zero
OTHER_STARTS = (0.1, 5.0)
NEAR_SINGULAR = 0.05  # relative standard deviation below which zero is tried
SINGULAR = 1e-4  # relative standard deviation that counts as zero

Sums: TypeAlias = GroupSums | DenseSums | StagedSums


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


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """The criterion as a function of theta.

    Attributes
    ----------
    sums
        Sums of the training rows in the internal basis.
    shapes
        Per factor the free entries of Lambda.
    reml
        Whether to maximise the restricted likelihood.
    links
        For `StagedSums`, which levels meet.
    latest
        The last theta and the criterion there: the fit ends where the search did.
    """

    sums: Sums
    shapes: tuple[CovarianceShape, ...]
    reml: bool
    links: Links | None = None
    latest: list[tuple[bytes, Profile]] = field(default_factory=list)

    def factors(self, theta: FloatArray) -> list[FloatArray]:
        """Give Lambda of each factor."""
        parts = split_theta(theta, self.shapes)
        return [s.factor(part) for s, part in zip(self.shapes, parts, strict=True)]

    def at(self, theta: FloatArray) -> Profile:
        """Evaluate at theta."""
        key = theta.tobytes()
        if not self.latest or self.latest[0][0] != key:
            self.latest[:] = [(key, self.profile(self.factors(theta)))]
        return self.latest[0][1]

    def profile(
        self, factors: Sequence[FloatArray], precision: float | None = None
    ) -> Profile:
        """Evaluate at given Lambdas, and at a given 1 / sigma^2 when there is one."""
        if isinstance(self.sums, DenseSums):
            return profile_dense(
                self.sums, factors, reml=self.reml, precision=precision
            )
        if isinstance(self.sums, StagedSums):
            assert self.links is not None
            return profile_staged(
                self.sums, self.links, factors, reml=self.reml, precision=precision
            )
        if not factors:
            return profile_plain(self.sums, reml=self.reml)
        return profile(self.sums, factors[0], reml=self.reml, precision=precision)

    def objective(self, theta: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        """Give value, gradient and Hessian in theta."""
        factors = self.factors(theta)
        try:
            at = self.at(theta)
        except np.linalg.LinAlgError:  # theta so large that rounding takes over
            return np.inf, np.zeros(len(theta)), np.eye(len(theta))
        return self.in_theta(at, factors)

    def in_theta(
        self, at: Profile, factors: Sequence[FloatArray]
    ) -> tuple[float, FloatArray, FloatArray]:
        """Carry the derivatives from the entries of D to theta."""
        slopes = at.gradient.reshape(-1)
        chain, curvature = self.chain(factors), self._curvature(slopes)
        return at.value, chain @ slopes, chain @ at.hessian @ chain.T + curvature

    def chain(self, factors: Sequence[FloatArray]) -> FloatArray:
        """Give dD/dtheta, one row per theta, the entries of every D in a line."""
        parts = [
            shape.directions(factor).reshape(shape.n_theta, -1)
            for shape, factor in zip(self.shapes, factors, strict=True)
        ]
        return parts[0] if len(parts) == 1 else np.asarray(block_diag(*parts))

    def _curvature(self, slopes: FloatArray) -> FloatArray:
        parts, start = [], 0
        for shape in self.shapes:
            q = shape.n_effects
            own = slopes[start : start + q * q].reshape(q, q)
            parts.append(shape.curvature(own))
            start += q * q
        return parts[0] if len(parts) == 1 else np.asarray(block_diag(*parts))

    def exact_hessian(self, theta: FloatArray, step: float = 1e-4) -> FloatArray:
        """Give second derivatives in theta, by differences where they are a model."""
        if self.exact:
            return self.objective(theta)[2]
        columns = []
        for direction in np.eye(len(theta)):
            ahead = self.objective(theta + step * direction)[1]
            behind = self.objective(theta - step * direction)[1]
            columns.append((ahead - behind) / (2.0 * step))
        hessian = np.array(columns)
        return np.asarray(0.5 * (hessian + hessian.T))

    @property
    def exact(self) -> bool:
        """Whether the Hessian is exact."""
        return not isinstance(self.sums, StagedSums)

    @property
    def sizes(self) -> tuple[tuple[int, int], ...]:
        """Effects and levels of each factor."""
        if isinstance(self.sums, DenseSums | StagedSums):
            return self.sums.sizes
        q, _, n = self.sums.cross.shape
        return ((q, n),) if q else ()

    def moments(self) -> list[FloatArray]:
        """Give Z'Z summed over levels, per factor (effects, effects)."""
        sums = self.sums
        if isinstance(sums, GroupSums):
            return [sums.cross[:, : sums.n_effects].sum(axis=2)] if self.shapes else []
        parts, start, sizes = [], 0, list(sums.sizes)
        if isinstance(sums, StagedSums):
            q = sizes.pop(0)[0]
            parts.append(sums.cross[:, :q].sum(axis=2))
        square = sums.rest if isinstance(sums, StagedSums) else sums.cross
        for q, n in sizes:
            rows = slice(start, start + q * n)
            block = square[rows, rows].reshape(q, n, q, n)
            parts.append(np.einsum("ambm->ab", block))
            start += q * n
        return parts

    def smallest(self, theta: FloatArray) -> float:
        """Give the smallest standard deviation of any combination of effects."""
        factors = self.factors(theta)
        return min(float(np.linalg.svd(f, compute_uv=False)[-1]) for f in factors)

    def start(self) -> FloatArray:
        """Give a first theta: equal standard deviations, no correlation."""
        return np.concatenate(
            [START * (shape.rows == shape.cols) for shape in self.shapes]
        )


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """A fitted model in the user's basis.

    Attributes
    ----------
    problem, basis, minimum, at
        The internal problem, the way back, the optimiser's end and the criterion there.
    beta
        Fixed effects of the kept columns.
    beta_cov
        Their covariance.
    sigma
        Residual standard deviation.
    factors
        Lambda per factor: random effects have covariance sigma^2 Lambda Lambda'.
    effects
        Predicted random effects per factor, shape (levels, effects).
    criterion
        -2 log-likelihood, restricted or not.
    singular
        Whether a variance is zero or a correlation one.
    """

    problem: Problem
    basis: Basis
    minimum: Minimum
    at: Profile
    beta: FloatArray
    beta_cov: FloatArray
    sigma: float
    factors: tuple[FloatArray, ...]
    effects: tuple[FloatArray, ...]
    criterion: float
    singular: bool


def sums_and_basis(
    fixed: Sequence[FloatArray],
    design: RandomDesign,
    target: FloatArray,
    weights: FloatArray | None = None,
    constant: FloatArray | None = None,
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
    """
    table = Table(fixed, design, target, weights, constant)
    basis = fixed_basis(table)
    sums: Sums
    random: tuple[FloatArray, ...]
    if not design.factors:
        sums, random = _no_factor(table, basis), ()
    elif len(design.factors) == 1:
        sums, random = _one_factor(table, design, basis)
    else:
        sums, random = _several_factors(table, design, basis)
    back = fixed_back(table, basis)
    return sums, Basis(
        basis.kept, back, basis.origin * basis.scale, random, basis.target_scale
    )


def estimate(
    sums: Sums,
    basis: Basis,
    blocks: Sequence[tuple[int, ...]],
    *,
    reml: bool = True,
    start: FloatArray | None = None,
) -> Estimate:
    """Fit from sums.

    Parameters
    ----------
    sums, basis
        What `sums_and_basis` gives.
    blocks
        Per factor the sizes of its sets of correlated effects.
    reml
        Whether to maximise the restricted likelihood.
    start
        An internal theta to begin from, such as ``previous.minimum.theta``.
    """
    links = learn_links(sums.links) if isinstance(sums, StagedSums) else None
    problem = Problem(sums, tuple(covariance_shape(b) for b in blocks), reml, links)
    return at_minimum(problem, basis, search(problem, start))


def search(problem: Problem, start: FloatArray | None = None) -> Minimum:
    """Minimise; where a variance vanishes, begin elsewhere too and compare."""
    if not problem.shapes:
        nothing = np.zeros(0)
        value = problem.profile([]).value
        return Minimum(nothing, value, nothing, np.zeros((0, 0)), 0, True)
    begin = first_guess(problem) if start is None else start
    best = minimise(problem.objective, begin, exact=problem.exact)
    if best.converged and problem.smallest(best.theta) > NEAR_SINGULAR:
        return best
    for scale in OTHER_STARTS:
        begin = scale * problem.start() + 0.03
        other = minimise(problem.objective, begin, exact=problem.exact)
        if other.value < best.value - 1e-9:
            best = other
    return _with_exact_zeros(problem, best)


def first_guess(problem: Problem) -> FloatArray:
    """Begin a costly search where each factor would be if it were alone."""
    if problem.exact:
        return problem.start()
    parts = []
    for alone, shape in zip(_alone(problem.sums), problem.shapes, strict=True):
        single = Problem(alone, (shape,), problem.reml)
        theta = minimise(single.objective, single.start(), max_iterations=8).theta
        parts.append(np.where(shape.rows == shape.cols, np.abs(theta) + 1e-3, theta))
    return np.concatenate(parts)


def _alone(sums: Sums) -> list[GroupSums]:
    """Give the sums of each factor as if it were the only one."""
    assert isinstance(sums, StagedSums)
    r, start, parts = len(sums.rest), 0, [sums.cross]
    for q, n in sums.sizes[1:]:
        rows = slice(start, start + q * n)
        block = sums.rest[rows, rows].reshape(q, n, q, n)
        own = np.einsum("ambm->abm", block)
        right = sums.rest[rows, r:].reshape(q, n, -1).transpose(0, 2, 1)
        parts.append(np.concatenate([own, right], axis=1))
        start += q * n
    return [GroupSums(sums.n_rows, sums.gram, cross) for cross in parts]


def at_minimum(problem: Problem, basis: Basis, minimum: Minimum) -> Estimate:
    """Give the fitted model at the optimiser's theta, in the user's basis."""
    factors = problem.factors(minimum.theta)
    at = problem.at(minimum.theta)
    scale = basis.target_scale
    sigma = float(scale * np.sqrt(at.r2 / at.free))
    root = at.root @ basis.fixed.T
    constant = 2.0 * at.free * np.log(scale)
    if problem.reml:
        constant -= 2.0 * np.log(basis.fixed.diagonal()).sum()
    return Estimate(
        problem=problem,
        basis=basis,
        minimum=minimum,
        at=at,
        beta=basis.fixed @ (basis.origin + scale * at.beta),
        beta_cov=sigma**2 * (root.T @ root),
        sigma=sigma,
        factors=tuple(
            changed_basis(f, c) for f, c in zip(factors, basis.random, strict=True)
        ),
        effects=_effects(problem, basis, at, factors),
        criterion=at.value + float(constant),
        singular=bool(factors) and problem.smallest(minimum.theta) < SINGULAR,
    )


def _no_factor(table: Table, basis: FixedBasis) -> GroupSums:
    gram = _gram(table, basis)
    cross = np.zeros((0, len(gram), 0))
    return GroupSums(table.n_rows, gram, cross, table.log_weights)


def _one_factor(
    table: Table, design: RandomDesign, basis: FixedBasis
) -> tuple[GroupSums, tuple[FloatArray, ...]]:
    factor, lines = design.factors[0], table.random[0]
    raw = level_sums(table, factor.codes, factor.n_levels, lines)
    q = len(lines)
    moments = raw[:, :q].sum(axis=2) / len(design)
    inner, back = random_basis(table, lines, factor.blocks, moments)
    cross = (inner.T @ raw.reshape(q, -1)).reshape(raw.shape)
    cross[:, :q] = np.matmul(inner.T, cross[:, :q])
    cross[:, q:-1] /= basis.scale[:, None]
    cross[:, -1] /= basis.target_scale
    gram = _gram(table, basis)
    return GroupSums(table.n_rows, gram, cross, table.log_weights), (back,)


def _several_factors(
    table: Table, design: RandomDesign, basis: FixedBasis
) -> tuple[DenseSums | StagedSums, tuple[FloatArray, ...]]:
    columns, bases = [], []
    rows = np.concatenate([block for _, block in table.chunks()], axis=1)
    fixed = rows[table.fixed] / basis.scale[:, None]
    for factor, lines in zip(design.factors, table.random, strict=True):
        own = rows[lines]
        moments = own @ own.T / len(design)
        inner, back = random_basis(table, lines, factor.blocks, moments)
        columns.append((factor, inner.T @ own))
        bases.append(back)
    sparse = [_indicator_columns(f, values) for f, values in columns]
    z = sparse_hstack(sparse, format="csr")
    right = np.vstack([fixed, rows[-1:] / basis.target_scale])
    sizes = tuple((f.n_effects, f.n_levels) for f in design.factors)
    gram = _gram(table, basis)
    if z.shape[1] > DENSE_COLUMNS:
        sums = _staged(z, right, gram, sizes, table)
        return sums, tuple(bases)
    cross = np.hstack([(z.T @ z).toarray(), z.T @ right.T])
    return DenseSums(table.n_rows, gram, cross, sizes, table.log_weights), tuple(bases)


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
    others = np.hstack([(rest.T @ rest).toarray(), rest.T @ right.T])
    return StagedSums(
        table.n_rows, gram, cross, links, others, sizes, table.log_weights
    )


def _indicator_columns(factor: RandomFactor, values: FloatArray) -> csc_array:
    """Give Z of one factor, ordered by effect, then by level."""
    n, levels = len(factor.codes), factor.n_levels
    cols = np.concatenate([k * levels + factor.codes for k in range(len(values))])
    rows = np.tile(np.arange(n), len(values))
    shape = (n, levels * len(values))
    return csc_array((values.reshape(-1), (rows, cols)), shape=shape)


def _gram(table: Table, basis: FixedBasis) -> FloatArray:
    """Give [X y]'[X y] of the internal columns."""
    lines = [*table.fixed, len(table.columns)]
    gram = np.zeros((len(lines), len(lines)))
    for _, block in table.chunks():
        shown = block[lines]
        gram += shown @ shown.T
    scale = np.append(basis.scale, basis.target_scale)
    return np.asarray(gram / np.outer(scale, scale))


def _effects(
    problem: Problem, basis: Basis, at: Profile, factors: Sequence[FloatArray]
) -> tuple[FloatArray, ...]:
    """Predict b = D Z'V^-1 e per factor, in the user's basis."""
    flat, effects, start = at.scores.reshape(-1), [], 0
    for factor, back, (q, n) in zip(factors, basis.random, problem.sizes, strict=True):
        scores = flat[start : start + q * n].reshape(q, n)
        effects.append((basis.target_scale * back @ factor @ factor.T @ scores).T)
        start += q * n
    return tuple(effects)


def _with_exact_zeros(problem: Problem, found: Minimum) -> Minimum:
    """Set variances that are nearly zero to zero where that costs nothing."""
    factors = problem.factors(found.theta)
    thetas = []
    for shape, factor in zip(problem.shapes, factors, strict=True):
        left, values, right = np.linalg.svd(factor)
        kept = np.where(values < NEAR_SINGULAR, 0.0, values)
        thetas.append(
            shape.theta(changed_basis((left * kept) @ right, np.eye(len(factor))))
        )
    theta = np.concatenate(thetas)
    value, gradient, hessian = problem.objective(theta)
    if value > found.value + 1e-9:
        return found
    return found._replace(theta=theta, value=value, gradient=gradient, hessian=hessian)
