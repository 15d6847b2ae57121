"""The marginal likelihood of a generalised mixed model as a function to minimise.

Parameters are the free entries of every Lambda, the fixed effects and, where a family
has one, the logarithm of the dispersion, in this order. Gradients are exact. The
Hessian is a model: the average information of the linear mixed model with the working
weights of the mode (Gilmour, Thompson & Cullis 1995), which the optimiser corrects.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
from scipy.linalg import block_diag

from flexcv.arrays import FloatArray
from flexcv.models.gaussian.covariance import CovarianceShape, split_theta

from .families import Family

LOG_DISPERSIONS = {
    "negative_binomial": (-25.0, 12.0),  # so close to it, it is a Poisson
    "gamma": (-25.0, 25.0),
}
INVERTIBLE = 1e-3  # smallest diagonal of Lambda that is divided by


class Evaluation(NamedTuple):
    """The marginal log-likelihood at one point, whatever the number of factors.

    Attributes
    ----------
    loglik, eta_gradient, dispersion_gradient, dispersion_information
        Its value, and its derivatives; see `group_laplace.GroupLaplace`.
    factor_gradients
        Per factor in the entries of Lambda.
    modes, effects, scores
        Per factor u, b = Lambda u and Z'score, each (q, levels).
    covariances
        Per factor the conditional covariance of b, (q, q, levels).
    information
        Of the rows at the mode.
    gram
        Gives C V^-1 C' for lines of rows C, with V^-1 = W - W Z Lambda A^-1 Lambda'Z'W.
    converged
        Whether the mode was found.
    """

    loglik: float
    eta_gradient: FloatArray
    dispersion_gradient: float
    dispersion_information: float
    factor_gradients: tuple[FloatArray, ...]
    modes: tuple[FloatArray, ...]
    effects: tuple[FloatArray, ...]
    scores: tuple[FloatArray, ...]
    covariances: tuple[FloatArray, ...]
    information: FloatArray
    gram: Callable[[FloatArray], FloatArray]
    converged: bool


class RandomRows(Protocol):
    """The random part and the target of a fit: what can be evaluated."""

    @property
    def family(self) -> Family:
        """Response distribution and link."""
        ...

    def evaluate(
        self,
        eta: FloatArray,
        factors: Sequence[FloatArray],
        dispersion: float,
        start: Sequence[FloatArray] | None,
    ) -> Evaluation:
        """Evaluate at a linear predictor, Lambdas and a dispersion."""
        ...

    def row_sum(self, factor: int, effects: FloatArray) -> FloatArray:
        """Return z'b of each row for the effects (q, levels) of one factor."""
        ...

    def moved_modes(
        self,
        at: Evaluation,
        before: Sequence[FloatArray],
        after: Sequence[FloatArray],
        eta_change: FloatArray,
    ) -> Sequence[FloatArray]:
        """Return where the modes will be, to first order, after a small move."""
        ...


class Point(NamedTuple):
    """Parameters in their own places."""

    factors: tuple[FloatArray, ...]
    beta: FloatArray
    dispersion: float


@dataclass(frozen=True, slots=True, eq=False)
class LaplaceProblem:
    """-2 log-likelihood as a function of (theta, beta, log dispersion).

    Attributes
    ----------
    rows
        The random part and the target.
    shapes
        Per factor the free entries of Lambda.
    fixed
        The fixed columns as lines, shape (p, n_rows).
    offset
        What is added to the linear predictor.
    latest
        The last evaluation, for warm starts.
    trace
        Criterion and parameters of every evaluation.
    """

    rows: RandomRows
    shapes: tuple[CovarianceShape, ...]
    fixed: FloatArray
    offset: FloatArray
    latest: list[tuple[Evaluation, Point]] = field(default_factory=list)
    trace: list[tuple[float, FloatArray]] = field(default_factory=list)

    @property
    def n_theta(self) -> int:
        """Free entries of all Lambdas."""
        return sum(shape.n_theta for shape in self.shapes)

    @property
    def has_dispersion(self) -> bool:
        """Whether the dispersion is a parameter."""
        return self.rows.family.has_dispersion

    @property
    def n_parameters(self) -> int:
        """Entries of the vector of parameters."""
        return self.n_theta + len(self.fixed) + self.has_dispersion

    def point(self, parameters: FloatArray) -> Point:
        """Put parameters in their places."""
        theta = parameters[: self.n_theta]
        parts = split_theta(theta, self.shapes)
        factors = tuple(
            s.factor(part) for s, part in zip(self.shapes, parts, strict=True)
        )
        stop = self.n_theta + len(self.fixed)
        beta, rest = parameters[self.n_theta : stop], parameters[stop:]
        if not len(rest):
            return Point(factors, beta, 1.0)
        low, high = LOG_DISPERSIONS[self.rows.family.name]
        return Point(factors, beta, float(np.exp(np.clip(rest[0], low, high))))

    def at_limit(self, parameters: FloatArray) -> bool:
        """Return whether the dispersion is as far out as it may be."""
        if not self.has_dispersion:
            return False
        low, high = LOG_DISPERSIONS[self.rows.family.name]
        return bool(not low < parameters[-1] < high)

    def at(self, parameters: FloatArray) -> Evaluation:
        """Evaluate, starting where the modes of the evaluation before lead."""
        point = self.point(parameters)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            at = self.rows.evaluate(
                self.offset + point.beta @ self.fixed,
                point.factors,
                point.dispersion,
                self._start(point),
            )
        if at.converged and np.isfinite(at.loglik):
            self.latest[:] = [(at, point)]
        return at

    def _start(self, point: Point) -> Sequence[FloatArray] | None:
        if not self.latest:
            return None
        at, before = self.latest[0]
        change = (point.beta - before.beta) @ self.fixed
        return self.rows.moved_modes(at, before.factors, point.factors, change)

    def gradient(self, parameters: FloatArray) -> tuple[Evaluation, FloatArray]:
        """Return the evaluation and the gradient of -2 log-likelihood."""
        at = self.at(parameters)
        parts = [
            shape.theta(slope)
            for shape, slope in zip(self.shapes, at.factor_gradients, strict=True)
        ]
        parts.append(self.fixed @ at.eta_gradient)
        if self.has_dispersion:
            limit = self.at_limit(parameters)
            parts.append(np.array([0.0 if limit else at.dispersion_gradient]))
        return at, -2.0 * np.concatenate(parts)

    def objective(self, parameters: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        """Return value, gradient and a model of the Hessian."""
        size = len(parameters)
        refused = np.inf, np.zeros(size), np.eye(size)
        try:
            at, gradient = self.gradient(parameters)
        except np.linalg.LinAlgError:  # rounding takes over far out
            return refused
        if not (at.converged and np.isfinite(gradient).all()):
            return refused
        hessian = self.model(parameters, at)
        value = -2.0 * at.loglik
        self.trace.append((value, parameters.copy()))
        return value, gradient, hessian

    def model(self, parameters: FloatArray, at: Evaluation) -> FloatArray:
        """Return the average information about (theta, beta), times two."""
        point, lines = self.point(parameters), []
        for place, (shape, factor) in enumerate(
            zip(self.shapes, point.factors, strict=True)
        ):
            for direction in shape.directions(factor):
                moved = direction @ at.scores[place]
                lines.append(self.rows.row_sum(place, moved))
        gram = at.gram(np.vstack([*lines, self.fixed]))
        t = self.n_theta
        gram[:t, :t] *= 0.5
        hessian = np.zeros((len(parameters), len(parameters)))
        hessian[: len(gram), : len(gram)] = 2.0 * gram
        hessian[:t, :t] += self._curvature(point, at)
        if self.has_dispersion:
            hessian[-1, -1] = 2.0 * at.dispersion_information
        return hessian

    def _curvature(self, point: Point, at: Evaluation) -> FloatArray:
        """Return the part of the Hessian in theta that is due to D's being a square.

        The gradient in Lambda is 2 G Lambda with G that in D.
        """
        parts = []
        for shape, factor, slope in zip(
            self.shapes, point.factors, at.factor_gradients, strict=True
        ):
            if np.abs(factor.diagonal()).min() < INVERTIBLE:
                parts.append(np.zeros((shape.n_theta, shape.n_theta)))
                continue
            in_d = -np.linalg.solve(factor.T, slope.T)
            parts.append(shape.curvature(0.5 * (in_d + in_d.T)))
        return np.asarray(block_diag(*parts)) if parts else np.zeros((0, 0))

    def exact_hessian(self, parameters: FloatArray, step: float = 1e-4) -> FloatArray:
        """Return second derivatives as central differences of exact gradients."""
        self.at(parameters)
        base, columns = list(self.latest), []
        for direction in np.eye(len(parameters)):
            slopes = []
            for sign in (1.0, -1.0):
                self.latest[:] = base  # what both modes miss is the same and cancels
                slopes.append(self.gradient(parameters + sign * step * direction)[1])
            columns.append((slopes[0] - slopes[1]) / (2.0 * step))
        self.latest[:] = base
        hessian = np.array(columns)
        return np.asarray(0.5 * (hessian + hessian.T))

    def smallest(self, parameters: FloatArray) -> float:
        """Return the smallest standard deviation of any combination of effects."""
        values = [
            float(np.linalg.svd(f, compute_uv=False)[-1])
            for f in self.point(parameters).factors
        ]
        return min(values, default=np.inf)
