"""Profile-likelihood intervals of every parameter, from the sums of the fit alone.

A value of a parameter lies in the interval when the likelihood maximised over all
others falls by no more than half the chi-squared quantile (Bates et al. 2015, section
5.1). Restricted fits are profiled by maximum likelihood, as lme4 does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import pandas as pd
from scipy import optimize, stats

from flexcv.arrays import FloatArray

from .engine import Estimate, at_minimum, search
from .inference import parameter_covariance
from .parameters import Parameter, parameter_frame, random_parameters
from .sums import Sums

SMALLEST = 2.0**-10  # of the estimate: a lower bound below this is zero
NEAREST_ONE = 0.9999  # a bound of a correlation beyond this is one
WIDEST = 60  # doublings of a bracket
AGAIN = 3  # searches at most from where one ended
LEAST_GAIN = 1e-6  # of a search, in the criterion
FARTHEST = 50.0  # theta is kept within this many times its estimate


@dataclass(frozen=True, slots=True, eq=False)
class Profiled:
    """The unrestricted likelihood as a function of (theta, log sigma)."""

    fitted: Estimate
    start: FloatArray
    lowest: float

    def objective(self, point: FloatArray) -> tuple[float, FloatArray]:
        """Return the criterion and its gradient."""
        problem = self.fitted.problem
        theta, precision = point[:-1], float(np.exp(-2.0 * point[-1]))
        factors = problem.factors(theta)
        at = problem.profile(factors, precision)
        slope = problem.chain(factors) @ at.gradient.reshape(-1)
        last = 2.0 * (at.free - at.r2 * precision)
        return at.value, np.append(slope, last)

    def best_with(
        self, parameter: Parameter, value: float, start: FloatArray
    ) -> tuple[float, FloatArray]:
        """Return the lowest criterion with one parameter kept, and where it is."""
        reach = FARTHEST * (1.0 + float(np.abs(self.start[:-1]).max(initial=0.0)))
        bounds = [(-reach, reach)] * (len(start) - 1)
        wanted = parameter.scale_of(value)
        keeping: Any = {
            "type": "eq",
            "fun": lambda point: parameter.measure(point)[0] - wanted,
            "jac": lambda point: parameter.measure(point)[1],
        }
        found = optimize.minimize(
            cast("Any", self.objective),
            parameter.moved_to(start, value),
            jac=True,
            method="SLSQP",
            bounds=[*bounds, (self.start[-1] - 5.0, self.start[-1] + 5.0)],
            constraints=keeping,
            options={"maxiter": 300, "ftol": 1e-11},
        )
        return float(found.fun), np.asarray(found.x)


class Excess:
    """How far the criterion rises above its bound, each value begun near the last."""

    def __init__(self, profiled: Profiled, parameter: Parameter, fall: float) -> None:
        self._profiled, self._parameter = profiled, parameter
        self._limit = profiled.lowest + fall
        at = parameter.value(profiled.start)
        self._known = {at: (profiled.lowest, profiled.start)}

    def __call__(self, value: float) -> float:
        """Return the excess with the parameter at a value; the same one each time."""
        if value not in self._known:
            near = min(self._known, key=lambda known: abs(known - value))
            self._known[value] = self._lowest(value, self._known[near][1])
        return self._known[value][0] - self._limit

    def _lowest(self, value: float, start: FloatArray) -> tuple[float, FloatArray]:
        """Search again from where a search ended, as long as that leads lower."""
        best = self._profiled.best_with(self._parameter, value, start)
        for _ in range(AGAIN):
            other = self._profiled.best_with(self._parameter, value, best[1])
            gain, best = best[0] - other[0], min(best, other, key=lambda end: end[0])
            if gain < LEAST_GAIN:
                break
        return best


def profile_intervals(
    fitted: Estimate,
    names: Sequence[str],
    groups: Sequence[tuple[str, Sequence[str]]],
    level: float = 0.95,
) -> pd.DataFrame:
    """Return estimate, lower and upper for standard deviations, correlations and beta.

    Parameters
    ----------
    fitted
        A fitted model.
    names
        Names of the kept fixed effects.
    groups
        Per factor its name and the names of its effects.
    level
        Coverage of the intervals.
    """
    fall = float(stats.chi2.ppf(level, 1))
    ml = _by_maximum_likelihood(fitted)
    sigma = np.sqrt(ml.at.r2 / ml.at.free)
    start = np.append(ml.minimum.theta, np.log(sigma))
    profiled = Profiled(ml, start, ml.at.value)
    bounds = [
        _random_bounds(profiled, parameter, fall)
        for parameter in random_parameters(ml, groups)
    ]
    bounds += [_fixed_bounds(ml, row, fall) for row in np.eye(len(fitted.beta))]
    frame = parameter_frame(fitted, names, groups)
    return frame.assign(
        lower=[low for low, _ in bounds], upper=[high for _, high in bounds]
    )


def _by_maximum_likelihood(fitted: Estimate) -> Estimate:
    problem = replace(fitted.problem, reml=False, latest=[])
    return at_minimum(problem, fitted.basis, search(problem))


def _random_bounds(
    profiled: Profiled, parameter: Parameter, fall: float
) -> tuple[float, float]:
    at = parameter.value(profiled.start)
    if not np.isfinite(at):
        return np.nan, np.nan
    step = max(_standard_error(profiled, parameter), 1e-3 * at, 1e-8)
    excess = Excess(profiled, parameter, fall)
    if parameter.is_correlation:
        if _fits_without(profiled, parameter, fall):
            return -1.0, 1.0
        return (
            _correlation_bound(excess, at, -1.0),
            _correlation_bound(excess, at, 1.0),
        )
    return _lower_sd(excess, at), _upper(excess, at, step)


def _fits_without(profiled: Profiled, parameter: Parameter, fall: float) -> bool:
    """Return whether a variance may be zero, so that any correlation is possible."""
    for row in parameter.rows:
        alone = replace(parameter, rows=(row,))
        excess = Excess(profiled, alone, fall)
        if excess(SMALLEST * alone.value(profiled.start)) < 0.0:
            return True
    return False


def _standard_error(profiled: Profiled, parameter: Parameter) -> float:
    """Return a rough standard error, to begin the search for a bound."""
    cov = parameter_covariance(profiled.fitted)
    value, slope = parameter.value_and_slope(profiled.start)
    sigma = np.exp(profiled.start[-1])
    turned = np.append(slope[:-1], slope[-1] / sigma)
    error = float(np.sqrt(max(turned @ cov @ turned, 0.0)))
    return error if np.isfinite(error) and error > 0.0 else 0.1 * abs(value)


def _lower_sd(excess: Callable[[float], float], at: float) -> float:
    high = at
    while high > SMALLEST * at:
        low = 0.5 * high
        if excess(low) > 0.0:
            return float(optimize.brentq(excess, low, high, xtol=1e-9 * at))
        high = low
    return 0.0


def _upper(excess: Callable[[float], float], at: float, step: float) -> float:
    high = at + 2.0 * step
    for _ in range(WIDEST):
        if excess(high) > 0.0:
            return float(optimize.brentq(excess, at, high, xtol=1e-9 * (high - at)))
        high = at + 2.0 * (high - at)
    return np.inf


def _correlation_bound(
    excess: Callable[[float], float], at: float, end: float
) -> float:
    """Walk half the way to the end each time, until the likelihood has fallen."""
    if abs(at) >= NEAREST_ONE:
        return end if at * end > 0.0 else np.nan
    near, far = at, at
    while abs(far) < NEAREST_ONE:
        near, far = far, 0.5 * (far + end)
        if excess(far) > 0.0:
            low, high = sorted((near, far))
            return float(optimize.brentq(excess, low, high, xtol=1e-8))
    return end


def _fixed_bounds(
    ml: Estimate, contrast: FloatArray, fall: float
) -> tuple[float, float]:
    """Profile one fixed effect: move its part to the target and refit the rest."""
    at = float(contrast @ ml.beta)
    error = float(np.sqrt(contrast @ ml.beta_cov @ contrast))
    direction = contrast @ ml.basis.fixed
    start = float(direction @ ml.basis.origin)

    def excess(value: float) -> float:
        shift = (value - start) / ml.basis.target_scale
        sums = _with_fixed(ml.problem.sums, direction, shift)
        problem = replace(ml.problem, sums=sums, latest=[])
        return search(problem).value - ml.at.value - fall

    low = -_upper(lambda value: excess(-value), -at, error)
    return low, _upper(excess, at, error)


def _with_fixed(sums: Sums, direction: FloatArray, value: float) -> Sums:
    """Keep a combination of fixed effects at a value, in the sums.

    beta = a value / |a|^2 + N gamma with N orthogonal to a.
    """
    p = len(direction)
    scaled = direction / float(direction @ direction)
    basis = np.linalg.svd(direction[None])[2][1:].T
    turn = np.zeros((p + 1, p))
    turn[:p, : p - 1] = basis
    turn[:p, -1], turn[p, -1] = -scaled * value, 1.0
    return sums.turned(turn)


def require_level(level: float) -> None:
    """Refuse a coverage outside (0, 1)."""
    if not 0.0 < level < 1.0:
        raise ValueError(
            f"`level` must lie between 0 and 1, got {level!r}; 0.95 is usual."
        )
