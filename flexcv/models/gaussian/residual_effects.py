"""The random part given a fixed part: maximised, or moved by one EM step.

Both take the residuals r = y - f(X) of any learner. The maximiser treats them as a
linear mixed model of their own,

    r = W gamma + Z b + e,

where W holds the columns of Z once, and finds (gamma, D, sigma^2) by maximum
likelihood. gamma is the average effect that the learner missed: a forest flattens
slopes, and without gamma what is missing would count as a random effect whose mean is
not zero. A linear learner with these columns misses nothing, and gamma ends at zero.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from flexcv.arrays import FloatArray, IntArray
from flexcv.errors import ModelError
from flexcv.models.design._effects import Columns
from flexcv.models.design.columns import RandomDesign, RandomEncoder, RandomFactor

from .conditional import Uncertainty
from .em import (
    START_SIGMA2,
    design_products,
    em_step,
    generalised_loss,
    posterior,
    residual_loss,
    residual_sums,
)
from .engine import estimate
from .rows import sums_and_basis


@dataclass(frozen=True, eq=False)
class RandomColumns:
    """The random design of the training rows and its distinct columns.

    Attributes
    ----------
    design
        All levels known.
    ones
        The object among the columns that is the column of ones.
    names, columns
        Each random column once, by name.
    """

    design: RandomDesign
    ones: FloatArray
    names: tuple[str, ...]
    columns: tuple[FloatArray, ...]

    @cached_property
    def products(self) -> tuple[FloatArray, ...]:
        """Z'Z of each level, per factor."""
        return tuple(
            design_products(factor.columns, factor.codes, factor.n_levels)
            for factor in self.design.factors
        )

    def take(self, rows: IntArray) -> RandomColumns:
        """Keep the given rows and all levels."""
        cut = {id(column): column[rows] for column in (self.ones, *self.columns)}
        factors = tuple(
            replace(
                factor,
                codes=factor.codes[rows],
                columns=tuple(cut[id(column)] for column in factor.columns),
            )
            for factor in self.design.factors
        )
        return RandomColumns(
            RandomDesign(factors, len(rows)),
            cut[id(self.ones)],
            self.names,
            tuple(cut[id(column)] for column in self.columns),
        )


@dataclass(frozen=True, slots=True, eq=False)
class ResidualEffects:
    """The random part that goes with one set of residuals.

    Attributes
    ----------
    sigma2
        Residual variance.
    covariances, effects
        Per factor D, and the predicted b of shape (levels, effects).
    average
        gamma, one number per distinct random column; zero in EM.
    loglik, gll
        Marginal log-likelihood of the residuals; the GLL of Hajjem et al., a loss.
    n_rows
        Rows with an honest fitted value.
    exact
        Whether the effects are the best predictions at these variances, which those
        of an EM step are not: they belong to the variances before it.
    converged
        Whether the maximiser was done.
    theta
        Where the next maximisation may begin.
    slope
        What the learner's fitted values are multiplied with.
    conditional
        Per factor the conditional covariance of b in each level, shape (levels,
        effects, effects), where it does not follow from D and sigma^2.
    """

    sigma2: float
    covariances: tuple[FloatArray, ...]
    effects: tuple[FloatArray, ...]
    average: FloatArray
    loglik: float
    gll: float
    n_rows: int
    exact: bool = False
    converged: bool = True
    theta: FloatArray | None = None
    slope: float = 1.0
    conditional: tuple[FloatArray, ...] = ()


Solver = Callable[[RandomColumns, FloatArray, ResidualEffects], ResidualEffects]


def distinct_columns(design: RandomDesign, ones: FloatArray) -> RandomColumns:
    """Gather each random column once, in order of appearance.

    Parameters
    ----------
    design
        The training design.
    ones
        The object that stands for the intercept.
    """
    found: dict[int, tuple[str, FloatArray]] = {}
    for factor in design.factors:
        for name, column in zip(factor.names, factor.columns, strict=True):
            found.setdefault(id(column), (name, column))
    names = tuple(name for name, _ in found.values())
    return RandomColumns(design, ones, names, tuple(c for _, c in found.values()))


def starting_effects(
    random: RandomColumns, sigma2: float = START_SIGMA2
) -> ResidualEffects:
    """Return the classical start: sigma^2 = 1, D = I, b = 0, in units of `sigma2`."""
    factors = random.design.factors
    return ResidualEffects(
        sigma2,
        tuple(sigma2 * np.eye(factor.n_effects) for factor in factors),
        tuple(np.zeros((factor.n_levels, factor.n_effects)) for factor in factors),
        np.zeros(len(random.columns)),
        np.nan,
        np.nan,
        len(random.design),
    )


def no_effects(
    random: RandomColumns, residuals: FloatArray, weights: FloatArray | None = None
) -> ResidualEffects:
    """Return the random part of a model without one: all variance is residual."""
    is_known = np.isfinite(residuals)
    known = residuals[is_known]
    weighted = known if weights is None else weights[is_known] * known
    sigma2 = float(weighted @ known) / max(len(known), 1)
    start = starting_effects(random)
    return replace(
        start,
        sigma2=sigma2,
        covariances=tuple(np.zeros_like(d) for d in start.covariances),
        n_rows=len(known),
    )


def maximised(
    random: RandomColumns,
    residuals: FloatArray,
    previous: ResidualEffects,
    weights: FloatArray | None = None,
) -> ResidualEffects:
    """Maximise the likelihood of the residuals over gamma, D and sigma^2.

    Parameters
    ----------
    random
        The random columns of the training rows.
    residuals
        Target less fitted values; rows that are NaN take no part.
    previous
        Where to begin.
    weights
        Precisions of the rows, which are known in all of them then: row i has the
        residual variance sigma^2 / weight. None is one in every row.
    """
    random, known = _known_rows(random, residuals)
    blocks = [factor.blocks for factor in random.design.factors]
    sums, basis = sums_and_basis(
        random.columns, random.design, known, weights, random.ones
    )
    fitted = estimate(sums, basis, blocks, reml=False, start=previous.theta)
    average = np.zeros(len(random.columns))
    average[fitted.basis.kept] = fitted.beta
    sigma2 = fitted.sigma**2
    covariances = tuple(sigma2 * (f @ f.T) for f in fitted.factors)
    left = known - average_part(random.columns, average)
    return ResidualEffects(
        sigma2,
        covariances,
        fitted.effects,
        average,
        -0.5 * fitted.criterion,
        _gll(random, left, sigma2, covariances, fitted.effects, weights),
        len(known),
        True,
        fitted.minimum.converged,
        fitted.minimum.theta,
    )


def em_moved(
    random: RandomColumns, residuals: FloatArray, previous: ResidualEffects
) -> ResidualEffects:
    """Take one classical EM step for D and sigma^2; one grouping factor only."""
    random, known = _known_rows(random, residuals)
    factor = _only_factor(random.design)
    sums = residual_sums(random.products[0], factor.columns, factor.codes, known)
    sigma2, covariance, effects = em_step(
        sums, previous.sigma2, previous.covariances[0], factor.blocks
    )
    _refuse_nothing_left(sigma2)
    loss = residual_loss(sums, effects.T)
    return ResidualEffects(
        sigma2,
        (covariance,),
        (effects,),
        np.zeros(len(random.columns)),
        posterior(sums, sigma2, covariance).loglik,
        generalised_loss(loss, len(known), sigma2, (covariance,), (effects,)),
        len(known),
    )


SOLVERS: dict[str, Solver] = {"profile": maximised, "em": em_moved}


def others_effects(
    random: RandomColumns, residuals: FloatArray, state: ResidualEffects
) -> FloatArray:
    """Return Z b row by row, each row's b predicted from the other rows of its level.

    A row's own residual is part of its level's b. Taking that b out of the target
    would pull the target towards the fitted value that the learner gave before, round
    by round; where the learner is poor it then learns less than it could. Leaving one
    row out is exact for a linear smoother: z'b = r - (r - z'b_all) / (1 - h) with
    h = z'Pz / sigma^2.

    Parameters
    ----------
    random
        The random columns of the training rows, of one factor.
    residuals
        Target less fitted values; rows that are NaN get the effect of their level.
    state
        What `maximised` found from these residuals.
    """
    total = random.design.effects_sum(state.effects)
    rows = np.flatnonzero(np.isfinite(residuals))
    known = random if len(rows) == len(residuals) else random.take(rows)
    factor = known.design.factors[0]
    left = residuals[rows] - average_part(known.columns, state.average)
    sums = residual_sums(known.products[0], factor.columns, factor.codes, left)
    spread = posterior(sums, state.sigma2, state.covariances[0]).covariance
    uncertain = Uncertainty(state.covariances, spread).variances(known.design)
    total[rows] = left - (left - total[rows]) / (1.0 - uncertain / state.sigma2)
    return total


def weighted_design(design: RandomDesign, weights: FloatArray | None) -> RandomDesign:
    """Return the random part of rows that are multiplied by roots of their weights."""
    if weights is None:
        return design
    roots = np.sqrt(weights)
    factors = (
        replace(factor, columns=tuple(roots * column for column in factor.columns))
        for factor in design.factors
    )
    return replace(design, factors=tuple(factors))


def columns_of(encoder: RandomEncoder, source: Columns) -> tuple[FloatArray, ...]:
    """Return the distinct random columns of a table to predict."""
    unused = np.zeros(0, dtype=np.intp)
    factors = tuple(e.factor(source, unused) for e in encoder.factors)
    design = RandomDesign(factors, len(source.table))
    return distinct_columns(design, source.ones).columns


def average_part(columns: tuple[FloatArray, ...], average: FloatArray) -> FloatArray:
    """Return W gamma row by row."""
    total = np.zeros(len(columns[0]) if columns else 0)
    for column, coefficient in zip(columns, average, strict=True):
        if coefficient:
            total += coefficient * column
    return total


def _known_rows(
    random: RandomColumns, residuals: FloatArray
) -> tuple[RandomColumns, FloatArray]:
    known = np.isfinite(residuals)
    if not known.any():
        raise ModelError(
            "no row has an out-of-bag prediction, so nothing is known about the "
            "residuals; use more trees or fit_prediction='cv'."
        )
    _refuse_nothing_left(float(np.abs(residuals[known]).max()))
    if known.all():
        return random, residuals
    rows = np.flatnonzero(known)
    return random.take(rows), residuals[rows]


def _refuse_nothing_left(left: float) -> None:
    if left <= np.finfo(float).tiny:
        raise ModelError(
            "the fitted values equal the target in every row, so no variance is left "
            "to divide; use fit_prediction='cv' or a learner that cannot memorise rows."
        )


def _only_factor(design: RandomDesign) -> RandomFactor:
    if len(design.factors) > 1:
        names = ", ".join(repr(factor.name) for factor in design.factors)
        raise ValueError(
            "solver='em' takes one grouping factor, got several "
            f"({names}); use solver='profile'."
        )
    return design.factors[0]


def _gll(
    random: RandomColumns,
    residuals: FloatArray,
    sigma2: float,
    covariances: tuple[FloatArray, ...],
    effects: tuple[FloatArray, ...],
    weights: FloatArray | None,
) -> float:
    left = residuals - random.design.effects_sum(effects)
    loss = float(left @ (left if weights is None else weights * left))
    return generalised_loss(loss, len(left), sigma2, covariances, effects)
