"""Fit a linear mixed model from sums: search theta, then return to the user's basis.

Rows become sums in `rows`; `problem` gives the criterion, `optimize` its minimum.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from flexcv.arrays import FloatArray

from .covariance import changed_basis, covariance_shape
from .one_factor import LARGE, Profile
from .optimize import Minimum, minimise
from .problem import Problem
from .rows import Basis
from .rows import sums_and_basis as sums_and_basis
from .sums import Sums

OTHER_STARTS = (0.1, 5.0)
SHARES = (-1.0, -0.5, 0.5, 1.0)  # of the largest entry: correlations tried far away
RIDGED = 1e3  # theta from which a singular end may be one ridge of several
LIFT = 0.01  # of it, for deviations
NEAR_SINGULAR = 0.05  # relative standard deviation below which zero is tried
RUNS = 10  # at most, each in units of the end of the one before
LONGEST = 1000  # evaluations after which no further run is begun
PROBED = 1e-6  # gain of a run in new units that is none
KNOWN = 1e-4  # rounding error of a criterion whose lowest place is known
SINGULAR = 1e-4  # relative standard deviation that counts as zero


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
    problem = Problem(sums, tuple(covariance_shape(b) for b in blocks), reml)
    return at_minimum(problem, basis, search(problem, start))


def has_large_variance(fitted: Estimate) -> bool:
    """Whether the residual is a trace beside some effect, so that rounding counts."""
    return float(np.abs(fitted.minimum.theta).max(initial=0.0)) > LARGE


def search(problem: Problem, start: FloatArray | None = None) -> Minimum:
    """Minimise; where a variance vanishes, begin elsewhere too and compare."""
    if not problem.shapes:
        nothing = np.zeros(0)
        value = problem.profile([]).value
        return Minimum(nothing, value, nothing, np.zeros((0, 0)), 0, True)
    begin = first_guess(problem) if start is None else start
    best = _minimum(problem, begin)
    for guess in problem.sums.far_factors():
        best = _lower(best, _minimum(problem, problem.shapes[0].theta(guess)))
    if best.converged and problem.smallest(best.theta) > NEAR_SINGULAR:
        return best
    if float(np.abs(best.theta).max()) > RIDGED:
        best = _lowest_beside(problem, best)
    if _is_far(begin):  # where a search from other starts has led already
        return _with_exact_zeros(problem, best)
    for scale in OTHER_STARTS:
        begin = scale * problem.start() + 0.03
        best = _lower(best, _minimum(problem, begin))
    return _with_exact_zeros(problem, best)


def _lowest_beside(problem: Problem, best: Minimum) -> Minimum:
    """Search beside a singular end far away: it may be one ridge of several."""
    for share in SHARES:
        begin = _beside(problem, best.theta, share)
        with (
            contextlib.suppress(np.linalg.LinAlgError),
            np.errstate(over="ignore", invalid="ignore"),
        ):
            best = _lower(best, _minimum(problem, begin))
    return best


def _beside(problem: Problem, theta: FloatArray, share: float) -> FloatArray:
    """Return a point with other correlations and without vanished deviations."""
    parts, begin = [], 0
    for shape in problem.shapes:
        own = theta[begin : begin + len(shape.rows)]
        begin += len(own)
        largest = float(np.abs(own).max(initial=1.0))
        deviations = np.maximum(np.abs(own), LIFT * largest)
        is_deviation = shape.rows == shape.cols
        parts.append(np.where(is_deviation, deviations, share * largest))
    return np.concatenate(parts)


def _lower(best: Minimum, other: Minimum) -> Minimum:
    """Return the lower end, the first unless the second gains more than rounding."""
    return other if other.value < best.value - 1e-9 else best


def _minimum(problem: Problem, begin: FloatArray) -> Minimum:
    """Search from a point, in other units where that lies or leads far away."""
    if _is_far(begin):
        value, gradient, hessian = problem.objective(begin)
        path = ((value, begin),)
        found = Minimum(begin, value, gradient, hessian, 0, False, path)
        return _on_its_scale(problem, found)
    found = minimise(problem.objective, begin, exact=problem.exact)
    return _on_its_scale(problem, found) if _is_far(found.theta) else found


def _is_far(theta: FloatArray) -> bool:
    return bool(np.abs(theta).max() > LARGE)


def _on_its_scale(problem: Problem, found: Minimum) -> Minimum:
    """Go on in units of the theta found, as long as that leads lower.

    Beside an entry of thousands the trust region takes an entry of one for flat. The
    criterion must also be known to better than what a search can gain.
    """
    gain, runs = np.inf, 0
    while gain > PROBED and runs < RUNS and found.n_iter < LONGEST:
        again = _scaled_run(problem, found)
        gain, runs = found.value - again.value, runs + 1
        found = again
    known = problem.rounding(found.theta) < KNOWN
    return found._replace(converged=found.converged and gain <= PROBED and known)


def _scaled_run(problem: Problem, found: Minimum) -> Minimum:
    scale = np.maximum(np.abs(found.theta), 1.0)

    def objective(point: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        value, gradient, hessian = problem.objective(scale * point)
        return value, scale * gradient, hessian * np.outer(scale, scale)

    again = minimise(objective, found.theta / scale, exact=problem.exact)
    steps = [(value, scale * point) for value, point in again.path[1:]]
    return again._replace(
        theta=scale * again.theta,
        gradient=again.gradient / scale,
        hessian=again.hessian / np.outer(scale, scale),
        n_iter=found.n_iter + again.n_iter,
        path=(*found.path, *steps),
    )


def first_guess(problem: Problem) -> FloatArray:
    """Begin a costly search where each factor would be if it were alone."""
    if problem.exact:
        return problem.start()
    parts = []
    for alone, shape in zip(problem.sums.alone(), problem.shapes, strict=True):
        single = Problem(alone, (shape,), problem.reml)
        theta = minimise(single.objective, single.start(), max_iterations=8).theta
        parts.append(np.where(shape.rows == shape.cols, np.abs(theta) + 1e-3, theta))
    return np.concatenate(parts)


def at_minimum(problem: Problem, basis: Basis, minimum: Minimum) -> Estimate:
    """Return the fitted model at the optimiser's theta, in the user's basis."""
    factors = problem.factors(minimum.theta)
    at = problem.at(minimum.theta)
    scale = basis.target_scale
    # As many columns as rows leave no residual to estimate a variance from.
    sigma = float(scale * np.sqrt(at.r2 / at.free)) if at.free > 0 else np.nan
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
    return found._replace(
        theta=theta,
        value=value,
        gradient=gradient,
        hessian=hessian,
        path=(*found.path, (value, theta)),
    )


def search_table(fitted: Estimate) -> pd.DataFrame:
    """Return criterion and theta, in the user's basis, after each iteration.

    Row 0 is where the search began; columns are iteration, criterion, theta_0, ...
    """
    offset = fitted.criterion - fitted.at.value
    path = fitted.minimum.path
    thetas = np.array([_users_theta(fitted, theta) for _, theta in path])
    columns = {
        "iteration": np.arange(len(path)),
        "criterion": np.array([value for value, _ in path]) + offset,
    }
    columns |= {f"theta_{k}": line for k, line in enumerate(thetas.T)}
    return pd.DataFrame(columns)


def _users_theta(fitted: Estimate, theta: FloatArray) -> list[float]:
    """Carry an internal theta to the user's basis."""
    shapes, basis = fitted.problem.shapes, fitted.basis.random
    factors = fitted.problem.factors(theta)
    return [
        float(entry)
        for shape, factor, change in zip(shapes, factors, basis, strict=True)
        for entry in shape.theta(changed_basis(factor, change))
    ]
