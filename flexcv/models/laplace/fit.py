"""Maximise a generalised mixed model's marginal likelihood and see where it ended."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from flexcv.arrays import FloatArray
from flexcv.errors import ModelError
from flexcv.models.gaussian.optimize import MAX_ITERATIONS, Minimum, minimise

from .families import RowTerms
from .problem import Evaluation, LaplaceProblem, Point

START = 0.57  # not round: a step from a round number can land exactly on zero
OTHER_STARTS = (0.11, 1.7)
NEAR_SINGULAR = 0.05  # standard deviation below which other starts are tried
SINGULAR = 1e-3  # standard deviation that counts as zero
UNBOUNDED = 12.0  # standard deviation on the scale of a link that has run away
GAIN = 1e-7  # promised decrease of the criterion that is left to a converged fit
POLISHING = 4
LAST_STEPS = 3
FINISHED = 1e-22  # promised decrease that no step improves
SCORING_STEPS = 30
HALVINGS = 8
FLAT = 1e-9  # curvature, relative to the largest, that counts as none


@dataclass(frozen=True, slots=True, eq=False)
class LaplaceFit:
    """Where the search ended.

    Attributes
    ----------
    parameters, point
        The parameters in a line, and in their places.
    criterion
        -2 log-likelihood.
    hessian
        Its second derivatives.
    covariance
        Of the parameters; flat directions get none.
    effects, conditional
        Per factor b at its mode, (q, levels), and its conditional covariances.
    n_iter
        Steps taken.
    converged, singular, unbounded
        Whether a minimum was found, a variance is zero or a correlation one, and
        whether a variance grows without end.
    trace
        Criterion and parameters of every evaluation.
    has_dispersion
        Whether the last parameter is the logarithm of a dispersion.
    """

    parameters: FloatArray
    point: Point
    criterion: float
    hessian: FloatArray
    covariance: FloatArray
    effects: tuple[FloatArray, ...]
    conditional: tuple[FloatArray, ...]
    n_iter: int
    converged: bool
    singular: bool
    unbounded: bool
    trace: tuple[tuple[float, FloatArray], ...]
    has_dispersion: bool = False


def fit_laplace(
    problem: LaplaceProblem,
    start: FloatArray,
    *,
    max_iterations: int = MAX_ITERATIONS,
) -> LaplaceFit:
    """Minimise from a start; where a variance vanishes, begin elsewhere too.

    Parameters
    ----------
    problem
        The criterion.
    start
        Parameters to begin from, such as those of `first_guess`.
    max_iterations
        Evaluations allowed to each search.
    """
    best = minimise(
        problem.objective, start, exact=False, max_iterations=max_iterations
    )
    if not best.converged or problem.smallest(best.theta) <= NEAR_SINGULAR:
        best = _best_of_others(problem, best, max_iterations)
        best = _with_exact_zeros(problem, best)
    best, left = _polished(problem, best)
    at = _evaluated(problem, best.theta)
    smallest = problem.smallest(best.theta)
    point = problem.point(best.theta)
    largest = max((float(np.abs(f).max()) for f in point.factors), default=0.0)
    return LaplaceFit(
        best.theta,
        point,
        best.value,
        best.hessian,
        _inverse(best.hessian),
        at.effects,
        at.covariances,
        best.n_iter,
        bool(left <= GAIN and largest <= UNBOUNDED),
        smallest < SINGULAR,
        largest > UNBOUNDED,
        tuple(problem.trace),
        problem.has_dispersion,
    )


def _evaluated(problem: LaplaceProblem, theta: FloatArray) -> Evaluation:
    """Evaluate where the search ended; from scratch if the last modes do not help."""
    try:
        return problem.at(theta)
    except np.linalg.LinAlgError:
        problem.latest.clear()
    try:
        return problem.at(theta)
    except np.linalg.LinAlgError as error:
        raise ModelError(
            "the likelihood cannot be evaluated where the search ended, because a "
            "variance grew too large; simplify the random part."
        ) from error


def first_guess(
    problem: LaplaceProblem, y: FloatArray, weights: FloatArray
) -> FloatArray:
    """Begin at the generalised linear model, with equal standard deviations."""
    theta = [START * (shape.rows == shape.cols) for shape in problem.shapes]
    beta = scoring_start(problem, y, weights)
    parts = [np.zeros(0), *theta, beta]
    if problem.has_dispersion:
        eta = problem.offset + beta @ problem.fixed
        parts.append(_first_log_dispersion(problem, y, eta))
    return np.concatenate(parts)


def scoring_start(
    problem: LaplaceProblem, y: FloatArray, weights: FloatArray
) -> FloatArray:
    """Fit the generalised linear model by a few steps of Fisher scoring."""
    family, fixed = problem.rows.family, problem.fixed
    eta = family.start(y)
    beta = _scoring_step(problem, family.kernel(y, eta, weights), eta, weights)
    terms = family.kernel(y, problem.offset + beta @ fixed, weights)
    for _ in range(SCORING_STEPS):
        eta, reached = problem.offset + beta @ fixed, float(terms.loglik.sum())
        trial = _scoring_step(problem, terms, eta, weights)
        for _ in range(HALVINGS):
            terms = family.kernel(y, problem.offset + trial @ fixed, weights)
            gain = float(terms.loglik.sum()) - reached
            if gain > 0.0:
                break
            trial = 0.5 * (trial + beta)
        if not gain > 0.0:
            return beta
        beta = trial
        if gain <= 1e-3 * abs(reached):
            break
    return beta


def _scoring_step(
    problem: LaplaceProblem, terms: RowTerms, eta: FloatArray, weights: FloatArray
) -> FloatArray:
    """Regress the working response on the fixed columns."""
    fisher = np.maximum(problem.rows.family.fisher(eta, weights), 1e-10)
    working = eta - problem.offset + terms.score / fisher
    weighted = problem.fixed * fisher
    gram, right = weighted @ problem.fixed.T, weighted @ working
    return np.asarray(np.linalg.lstsq(gram, right, rcond=None)[0])


def _first_log_dispersion(
    problem: LaplaceProblem, y: FloatArray, eta: FloatArray
) -> FloatArray:
    """Match the variance of the rows, half of which is left to the groups."""
    mu = problem.rows.family.mean(eta)
    squares = (y - mu) ** 2
    if problem.rows.family.name == "gamma":
        value = 0.5 * float(np.mean(squares / mu**2))
    else:
        excess = float(np.sum(squares - mu))
        value = 2.0 * float(np.sum(mu**2)) / max(excess, 0.02 * float(np.sum(mu**2)))
    return np.array([np.log(np.clip(value, 1e-3, 20.0))])


def _best_of_others(
    problem: LaplaceProblem, best: Minimum, max_iterations: int
) -> Minimum:
    """Begin with other variances, to leave a zero that only looked like an end."""
    diagonal = np.concatenate(
        [np.zeros(0), *(1.0 * (s.rows == s.cols) for s in problem.shapes)]
    )
    for scale in OTHER_STARTS if len(diagonal) else ():
        begin = best.theta.copy()
        begin[: len(diagonal)] = scale * diagonal + 0.01
        other = minimise(
            problem.objective, begin, exact=False, max_iterations=max_iterations
        )
        if other.value < best.value - 1e-9 or not np.isfinite(best.value):
            best = other
    return best


def _with_exact_zeros(problem: LaplaceProblem, found: Minimum) -> Minimum:
    """Set variances that are nearly zero to zero where that costs nothing."""
    parts = []
    for shape, factor in zip(
        problem.shapes, problem.point(found.theta).factors, strict=True
    ):
        left, values, right = np.linalg.svd(factor)
        kept = (left * np.where(values < NEAR_SINGULAR, 0.0, values)) @ right
        upper = np.linalg.qr(kept.T, mode="r")
        parts.append(shape.theta(np.asarray(upper).T))
    theta = np.concatenate([*parts, found.theta[problem.n_theta :]])
    value, gradient, hessian = problem.objective(theta)
    if not value <= found.value + 1e-8:
        return found
    return found._replace(theta=theta, value=value, gradient=gradient, hessian=hessian)


def _polished(problem: LaplaceProblem, best: Minimum) -> tuple[Minimum, float]:
    """Take Newton steps with the exact Hessian; give what decrease is left."""
    left = np.inf
    for _ in range(POLISHING):
        try:
            hessian = problem.exact_hessian(best.theta)
        except np.linalg.LinAlgError:  # rounding takes over far out
            return best._replace(hessian=np.zeros_like(best.hessian)), np.inf
        value, gradient, _ = problem.objective(best.theta)
        if not (np.isfinite(value) and np.isfinite(hessian).all()):
            return best._replace(hessian=np.zeros_like(best.hessian)), np.inf
        best = best._replace(value=value, gradient=gradient, hessian=hessian)
        step, left = _newton_step(gradient, hessian)
        if left <= 1e-3 * GAIN:
            return _finished(problem, best), left
        value, gradient, model = problem.objective(best.theta + step)
        if not value <= best.value + 1e-10 * abs(best.value):
            break
        best = Minimum(
            best.theta + step, value, gradient, model, best.n_iter + 1, best.converged
        )
        if left <= GAIN:  # one more Hessian would be the same
            return _finished(problem, best._replace(hessian=hessian)), 0.0
    return best, left


def _finished(problem: LaplaceProblem, best: Minimum) -> Minimum:
    """Take the last steps, too small for the criterion to tell, with one Hessian.

    Searches that came by different ways, as rounding has it, end at the same point.
    """
    step, left = _newton_step(best.gradient, best.hessian)
    for _ in range(LAST_STEPS):
        if left <= FINISHED:
            break
        value, gradient, _ = problem.objective(best.theta + step)
        after, promised = _newton_step(gradient, best.hessian)
        if not promised < left or value > best.value + 1e-10 * abs(best.value):
            break
        best = best._replace(theta=best.theta + step, value=value, gradient=gradient)
        step, left = after, promised
    return best


def _newton_step(gradient: FloatArray, hessian: FloatArray) -> tuple[FloatArray, float]:
    """Return the step and its promise; negative curvature promises without end."""
    values, axes = np.linalg.eigh(hessian)
    if values[0] < -1e-5 * values[-1]:
        return np.zeros(len(gradient)), np.inf
    used = values > FLAT * values[-1]
    slope = gradient @ axes[:, used]
    step = -slope / values[used]
    return axes[:, used] @ step, float(-0.5 * slope @ step)


def _inverse(hessian: FloatArray) -> FloatArray:
    """Return twice the inverse of the criterion's Hessian, without flat directions."""
    if not len(hessian):
        return np.zeros((0, 0))
    values, axes = np.linalg.eigh(hessian)
    used = values > FLAT * values[-1]
    return np.asarray(2.0 * (axes[:, used] / values[used]) @ axes[:, used].T)
