"""The criterion of a linear mixed model as a function of theta alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.linalg import block_diag

from flexcv.arrays import FloatArray

from .covariance import CovarianceShape, split_theta
from .one_factor import Profile
from .sums import Sums

START = 0.87  # not round: a step from a round number can land exactly on zero
ROUNDED = 300.0  # deviation beyond which second derivatives in D lose their digits
STEP = 3e-3  # of differences of gradients there, relative to theta


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
    latest
        The last theta and the criterion there: the fit ends where the search did.
    """

    sums: Sums
    shapes: tuple[CovarianceShape, ...]
    reml: bool
    latest: list[tuple[bytes, Profile]] = field(default_factory=list)

    def factors(self, theta: FloatArray) -> list[FloatArray]:
        """Return Lambda of each factor."""
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
        return self.sums.profile(factors, reml=self.reml, precision=precision)

    def objective(self, theta: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        """Return value, gradient and Hessian in theta."""
        factors = self.factors(theta)
        try:
            at = self.at(theta, factors)
        except np.linalg.LinAlgError:  # theta so large that rounding takes over
            return np.inf, np.zeros(len(theta)), np.eye(len(theta))
        value, gradient, hessian = self.in_theta(at, factors)
        if self._loses_curvature(theta):
            hessian = self._differences(theta, STEP * np.maximum(np.abs(theta), 1.0))
        return value, gradient, hessian

    def _loses_curvature(self, theta: FloatArray) -> bool:
        """Whether the way from D to theta takes differences of the Hessian's entries.

        With several effects the entries of D are of size one where those of theta are
        of the inverse square of theta, and four thetas go with each.
        """
        several = any(shape.n_effects > 1 for shape in self.shapes)
        far = float(np.abs(theta).max(initial=0.0)) > ROUNDED
        return self.sums.is_of_rows and several and far

    def _differences(self, theta: FloatArray, steps: FloatArray) -> FloatArray:
        """Return second derivatives as central differences of gradients."""
        columns = []
        for direction, step in zip(np.diag(steps), steps, strict=True):
            ahead, behind = (
                self._gradient(theta + side) for side in (direction, -direction)
            )
            columns.append((ahead - behind) / (2.0 * step))
        hessian = np.array(columns)
        return np.asarray(0.5 * (hessian + hessian.T))

    def _gradient(self, theta: FloatArray) -> FloatArray:
        factors = self.factors(theta)
        slopes = self.profile(factors).gradient.reshape(-1)
        return np.asarray(self.chain(factors) @ slopes)

    def in_theta(
        self, at: Profile, factors: Sequence[FloatArray]
    ) -> tuple[float, FloatArray, FloatArray]:
        """Carry the derivatives from the entries of D to theta."""
        slopes = at.gradient.reshape(-1)
        chain, curvature = self.chain(factors), self._curvature(slopes)
        return at.value, chain @ slopes, chain @ at.hessian @ chain.T + curvature

    def chain(self, factors: Sequence[FloatArray]) -> FloatArray:
        """Return dD/dtheta, one row per theta, the entries of every D in a line."""
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
        """Return second derivatives in theta, by differences where they are a model."""
        if self.exact:
            return self.objective(theta)[2]
        return self._differences(theta, np.full(len(theta), step))

    def rounding(self, theta: FloatArray) -> float:
        """Return about the rounding error of the criterion at a large theta."""
        at = self.at(theta)
        lost = self.sums.lost(at.r2, theta)
        return float(np.finfo(float).eps) * at.free * lost

    @property
    def exact(self) -> bool:
        """Whether the Hessian is exact."""
        return self.sums.is_exact

    @property
    def sizes(self) -> tuple[tuple[int, int], ...]:
        """Effects and levels of each factor."""
        return self.sums.sizes

    def moments(self) -> list[FloatArray]:
        """Return Z'Z summed over levels, per factor (effects, effects)."""
        return self.sums.moments_by_factor() if self.shapes else []

    def smallest(self, theta: FloatArray) -> float:
        """Return the smallest standard deviation of any combination of effects."""
        factors = self.factors(theta)
        return min(float(np.linalg.svd(f, compute_uv=False)[-1]) for f in factors)

    def start(self) -> FloatArray:
        """Return a first theta: equal standard deviations, no correlation."""
        return np.concatenate(
            [START * (shape.rows == shape.cols) for shape in self.shapes]
        )
