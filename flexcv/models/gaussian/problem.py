"""The criterion of a linear mixed model as a function of theta alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from scipy.linalg import block_diag

from flexcv.models._validate import FloatArray

from .covariance import CovarianceShape, split_theta
from .crossed import DenseSums, profile_dense
from .links import Links
from .pls import GroupSums, Profile, profile, profile_plain
from .staged import StagedSums, profile_staged

SEEN = 0.05  # share of what rounding could do to a large variance's neighbours
START = 0.87  # not round: a step from a round number can land exactly on zero

Sums: TypeAlias = GroupSums | DenseSums | StagedSums


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

    def at(
        self, theta: FloatArray, factors: Sequence[FloatArray] | None = None
    ) -> Profile:
        """Evaluate at theta."""
        key = theta.tobytes()
        if not self.latest or self.latest[0][0] != key:
            made = self.factors(theta) if factors is None else factors
            self.latest[:] = [(key, self.profile(made))]
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
            return profile_plain(self.sums, reml=self.reml, precision=precision)
        return profile(self.sums, factors[0], reml=self.reml, precision=precision)

    def objective(self, theta: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        """Give value, gradient and Hessian in theta."""
        factors = self.factors(theta)
        try:
            at = self.at(theta, factors)
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
        if not parts:
            return np.zeros((0, 0))
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

    def rounding(self, theta: FloatArray) -> float:
        """Give about the rounding error of the criterion at a large theta.

        It grows with the part of the target that a difference of sums takes away, and
        with the largest variance of a row where others stand beside it.
        """
        at, sums = self.at(theta), self.sums
        lost = float(sums.gram[-1, -1]) / at.r2
        if isinstance(sums, DenseSums) and sums.root is not None:
            lost = 0.0
        elif not isinstance(sums, GroupSums):
            largest = max(float(m.diagonal().max()) for m in self.moments())
            lost += SEEN * float(np.abs(theta).max() ** 2) * largest
        elif sums.within is not None:
            lost = 0.0
        if isinstance(sums, GroupSums) and sums.n_effects > 1:
            moments = np.einsum("aan->n", sums.cross[:, : sums.n_effects])
            lost += SEEN * float(np.abs(theta).max() ** 2 * moments.max())
        return float(np.finfo(float).eps) * at.free * lost

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
        square = sums.moments if isinstance(sums, StagedSums) else sums.cross
        for q, n in sizes:
            parts.append(level_blocks(square, start, q, n).sum(axis=2))
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


def level_blocks(square: Any, start: int, q: int, n: int) -> FloatArray:
    """Give one factor's blocks on the diagonal of Z'Z, (effects, effects, levels)."""
    blocks = np.empty((q, q, n))
    for a in range(q):
        for b in range(q):
            rows = slice(start + a * n, start + (a + 1) * n)
            cols = slice(start + b * n, start + (b + 1) * n)
            blocks[a, b] = square[rows, cols].diagonal()
    return blocks
