"""Minimise a smooth criterion in theta by Newton steps in a trust region.

The criterion is even in each column of Lambda, so theta = 0 is always stationary.
Exact second derivatives tell a minimum there from a saddle: a step along negative
curvature leaves the saddle, and no bound at zero is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.linalg import lapack

from flexcv.arrays import FloatArray

Objective = Callable[[FloatArray], tuple[float, FloatArray, FloatArray]]

MAX_ITERATIONS = 200
LAST_GAIN = 1e-9  # a promised decrease this small ends a run but for polishing
LARGEST_PROMISE = 1e-4  # of a whole step, where only short ones promise nothing
POLISHING = 3  # further steps at most
POLISHED = 1e-17  # a promised decrease that no step improves
POLISHED_BY_MODEL = 1e-9  # the same where evaluations are dear and Hessians a model
NOISE = 1e-12  # rounding error of the criterion, relative to its size
FLAT = 1e-8  # curvature below this part of the largest counts as zero
LARGEST_RADIUS = 1e6


class Minimum(NamedTuple):
    """Where a run ended, whether it is a minimum of second order, and its way there.

    `path` holds value and theta where the run began and after each iteration.
    """

    theta: FloatArray
    value: float
    gradient: FloatArray
    hessian: FloatArray
    n_iter: int
    converged: bool
    path: tuple[tuple[float, FloatArray], ...] = ()


def minimise(
    objective: Objective,
    start: FloatArray,
    *,
    exact: bool = True,
    max_iterations: int = MAX_ITERATIONS,
    radius: float = 1.0,
) -> Minimum:
    """Minimise from a starting point.

    Parameters
    ----------
    objective
        Gives value, gradient and Hessian (or a model of it).
    start
        Where to begin.
    exact
        Whether the Hessian is exact; a model of it is corrected by what the gradients
        show along the steps (symmetric rank one).
    max_iterations
        Evaluations allowed.
    radius
        The first trust region, in units of theta.

    Examples
    --------
    The saddle at zero is left for the minimum at one:

    >>> def well(x):
    ...     return (
    ...         float((x[0] ** 2 - 1) ** 2),
    ...         4 * x * (x**2 - 1),
    ...         np.diag(12 * x**2 - 4),
    ...     )
    >>> found = minimise(well, np.array([1e-9]))
    >>> found.converged, round(abs(float(found.theta[0])), 6)
    (True, 1.0)
    """
    theta = start
    value, gradient, hessian = objective(theta)
    correction = np.zeros_like(hessian)
    path = [(value, theta)]
    for iteration in range(1, max_iterations + 1):
        step, decrease = _trust_step(gradient, hessian + correction, radius)
        if decrease <= LAST_GAIN + NOISE * abs(value):
            sure = radius >= 1.0 or _is_low(gradient, hessian + correction)
            reached = Minimum(
                theta, value, gradient, hessian, iteration, sure, tuple(path)
            )
            enough = POLISHED if exact else POLISHED_BY_MODEL
            return _polished(objective, reached, correction, enough)
        trial = theta + step
        new_value, new_gradient, new_hessian = objective(trial)
        if not exact and np.isfinite(new_value):
            change = new_gradient - gradient
            correction = _rank_one(correction, step, change - new_hessian @ step)
        ratio = (value - new_value) / decrease
        radius = _new_radius(radius, ratio, float(np.linalg.norm(step)))
        if ratio > 1e-4:
            theta, value = trial, new_value
            gradient, hessian = new_gradient, new_hessian
        path.append((value, theta))
        if radius < 1e-12:
            break
    return Minimum(theta, value, gradient, hessian, iteration, False, tuple(path))


def _is_low(gradient: FloatArray, hessian: FloatArray) -> bool:
    """Whether a step that no failed step has shortened promises nothing either."""
    return _trust_step(gradient, hessian, 1.0)[1] <= LARGEST_PROMISE


def _polished(
    objective: Objective, reached: Minimum, correction: FloatArray, enough: float
) -> Minimum:
    """Take the last steps, too small for the criterion to tell: trust the gradient."""
    for _ in range(POLISHING):
        model = reached.hessian + correction
        step, decrease = _trust_step(reached.gradient, model, 1.0)
        if decrease <= enough:
            break
        value, gradient, hessian = objective(reached.theta + step)
        promised = _trust_step(gradient, hessian + correction, 1.0)[1]
        if promised >= decrease or value > reached.value + NOISE * abs(value):
            break
        theta = reached.theta + step
        reached = reached._replace(
            theta=theta,
            value=value,
            gradient=gradient,
            hessian=hessian,
            path=(*reached.path, (value, theta)),
        )
    return reached


def _rank_one(
    correction: FloatArray, step: FloatArray, wanted: FloatArray
) -> FloatArray:
    """Update a symmetric matrix so that it takes the step to what is wanted."""
    miss = wanted - correction @ step
    size = float(miss @ step)
    if abs(size) <= 1e-8 * float(np.linalg.norm(miss) * np.linalg.norm(step)):
        return correction
    return np.asarray(correction + np.outer(miss, miss) / size)


def _new_radius(radius: float, ratio: float, length: float) -> float:
    if not ratio > 0.25:  # NaN counts as a failed step
        return 0.25 * min(length, radius)
    if ratio > 0.75 and length > 0.8 * radius:
        return min(2.5 * radius, LARGEST_RADIUS)
    return radius


def _trust_step(
    gradient: FloatArray, hessian: FloatArray, radius: float
) -> tuple[FloatArray, float]:
    """Return the best step within the radius and the decrease that it promises."""
    curvature, axes, _ = lapack.dsyevd(hessian, lower=1)
    slope = gradient @ axes
    steepest = float(np.abs(slope).max()) / LARGEST_RADIUS
    floor = FLAT * max(abs(curvature[0]), abs(curvature[-1]), steepest, 1e-100)
    if curvature[0] > floor:
        step = -slope / curvature
        if step @ step <= radius * radius:
            return axes @ step, float(-0.5 * (slope @ step))
    step = _boundary_step(curvature, slope, radius, floor)
    decrease = -(slope @ step) - 0.5 * (curvature @ (step * step))
    return axes @ step, float(decrease)


def _boundary_step(
    curvature: FloatArray, slope: FloatArray, radius: float, floor: float
) -> FloatArray:
    """Solve for the shift that brings the step to the radius.

    Flat axes without slope take no part, and an axis of negative curvature without
    slope (the hard case, a saddle) gets whatever length is left.
    """
    low = max(-curvature[0], 0.0) + floor
    step = -slope / (curvature + low)
    length = float(np.linalg.norm(step))
    if length <= radius:
        if curvature[0] < -floor:
            step[0] += np.copysign(np.sqrt(radius**2 - length**2), step[0] or 1.0)
        return np.asarray(step)
    shift = low
    for _ in range(50):
        step = -slope / (curvature + shift)
        length = float(np.linalg.norm(step))
        if abs(length - radius) <= 0.01 * radius:
            break
        bend = float((step * step / (curvature + shift)).sum())
        shift = max(low, shift + (length / radius - 1.0) * length**2 / bend)
    return np.asarray(step * min(1.0, radius / length))
