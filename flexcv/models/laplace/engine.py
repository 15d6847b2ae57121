"""Fit a generalised mixed model from the columns of a table, and return to its units.

Columns are centred and scaled and random effects made orthogonal on average before
the search, as in the linear model; none of this changes the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from flexcv.arrays import FloatArray, IntArray
from flexcv.models.design.accumulate import Table, fixed_back, fixed_basis, random_basis
from flexcv.models.design.columns import RandomDesign
from flexcv.models.gaussian.conditional import Uncertainty, learn_conditional
from flexcv.models.gaussian.covariance import changed_basis, covariance_shape

from .crossed_rows import crossed_rows
from .families import Family
from .fit import LaplaceFit, first_guess, fit_laplace
from .group_modes import group_rows
from .one_factor import NoFactor, OneFactor
from .problem import LaplaceProblem, RandomRows
from .several_factors import SeveralFactors

SHORT = 65_535  # largest number of two bytes


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """What a fit is made from.

    Attributes
    ----------
    family
        Response distribution and link.
    y, weights, offset
        Target, weights (trials of the binomial family) and offset of each row.
    fixed
        The fixed columns.
    design
        The random part, with all levels known.
    constant
        The object among the columns that is the column of ones.
    n_nodes
        Nodes of quadrature.
    """

    family: Family
    y: FloatArray
    weights: FloatArray
    offset: FloatArray
    fixed: Sequence[FloatArray]
    design: RandomDesign
    constant: FloatArray | None = None
    n_nodes: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class LaplaceBasis:
    """How internal columns come from the user's.

    Attributes
    ----------
    kept
        Positions of the fixed columns that are not redundant.
    fixed
        Matrix from internal to user's fixed effects.
    random
        Per factor the matrix C with user's b = C (internal b).
    """

    kept: IntArray
    fixed: FloatArray
    random: tuple[FloatArray, ...]


@dataclass(frozen=True, slots=True, eq=False)
class GeneralizedEstimate:
    """A fitted generalised mixed model in the user's basis.

    Attributes
    ----------
    fit, basis
        The search's end and the way back.
    beta, beta_cov
        Fixed effects of the kept columns and their covariance, which counts that the
        variances are estimated.
    factors
        Per factor the triangular factor of the random effects' covariance.
    effects
        Per factor the conditional modes, shape (levels, effects).
    conditional
        Per factor their conditional covariances, shape (levels, effects, effects).
    dispersion
        Of families that have one, else 1.
    loglik
        Marginal log-likelihood.
    """

    fit: LaplaceFit
    basis: LaplaceBasis
    beta: FloatArray
    beta_cov: FloatArray
    factors: tuple[FloatArray, ...]
    effects: tuple[FloatArray, ...]
    conditional: tuple[FloatArray, ...]
    dispersion: float
    loglik: float

    @property
    def covariances(self) -> tuple[FloatArray, ...]:
        """Per factor the covariance of the random effects."""
        return tuple(factor @ factor.T for factor in self.factors)


def estimate_generalized(
    rows: Rows, start: FloatArray | None = None
) -> GeneralizedEstimate:
    """Fit by maximum marginal likelihood.

    Parameters
    ----------
    rows
        Target and columns.
    start
        Internal parameters to begin from, such as ``previous.fit.parameters``; those
        of a fit with other columns are of no use and left alone.
    """
    problem, basis, order = laplace_problem(rows)
    if start is None or len(start) != problem.n_parameters:
        start = first_guess_of(problem, rows, order)
    return in_users_basis(fit_laplace(problem, start), basis)


def first_guess_of(problem: LaplaceProblem, rows: Rows, order: IntArray) -> FloatArray:
    """Return internal parameters to begin from."""
    return first_guess(problem, rows.y[order], rows.weights[order])


def laplace_problem(rows: Rows) -> tuple[LaplaceProblem, LaplaceBasis, IntArray]:
    """Put rows in a harmless basis, sorted by their largest factor.

    The order of the rows comes last.
    """
    target = rows.family.start(rows.y) - rows.offset
    table = Table(rows.fixed, rows.design, target, None, rows.constant)
    chosen = fixed_basis(table)
    block = np.concatenate([part for _, part in table.chunks()], axis=1)
    order = _order(rows.design)
    columns, back = [], []
    for factor, lines in zip(rows.design.factors, table.random, strict=True):
        own = block[lines]
        inner, one = random_basis(
            table, lines, factor.blocks, own @ own.T / table.n_rows
        )
        columns.append((inner.T @ own)[:, order])
        back.append(one)
    fixed = (block[table.fixed] / chosen.scale[:, None])[:, order]
    problem = LaplaceProblem(
        _random_rows(rows, columns, order),
        tuple(covariance_shape(factor.blocks) for factor in rows.design.factors),
        np.ascontiguousarray(fixed),
        rows.offset[order],
    )
    basis = LaplaceBasis(chosen.kept, fixed_back(table, chosen), tuple(back))
    return problem, basis, order


def in_users_basis(fit: LaplaceFit, basis: LaplaceBasis) -> GeneralizedEstimate:
    """Turn a search's end into estimates of the user's columns."""
    point, stop = fit.point, len(basis.kept)
    first = len(fit.parameters) - stop - (1 if fit.has_dispersion else 0)
    part = slice(first, first + stop)
    pairs = list(zip(fit.effects, fit.conditional, basis.random, strict=True))
    return GeneralizedEstimate(
        fit,
        basis,
        basis.fixed @ point.beta,
        basis.fixed @ fit.covariance[part, part] @ basis.fixed.T,
        tuple(
            changed_basis(f, c)
            for f, c in zip(point.factors, basis.random, strict=True)
        ),
        tuple((back @ effects).T for effects, _, back in pairs),
        tuple(np.einsum("ab,bcn,dc->nad", back, own, back) for _, own, back in pairs),
        point.dispersion,
        -0.5 * fit.criterion,
    )


def uncertainty_at(fitted: GeneralizedEstimate, rows: Rows) -> Uncertainty:
    """Return what the rows leave unknown of the effects, at their modes."""
    eta = rows.offset + rows.design.effects_sum(fitted.effects)
    for place, beta in zip(fitted.basis.kept, fitted.beta, strict=True):
        eta += beta * rows.fixed[place]
    terms = rows.family.terms(rows.y, eta, rows.weights, fitted.dispersion)
    return learn_conditional(rows.design, terms.information, fitted.covariances)


def fixed_table(
    fitted: GeneralizedEstimate, names: list[str], level: float = 0.95
) -> pd.DataFrame:
    """Return estimates of fixed effects with errors, z tests and intervals."""
    error = np.sqrt(np.maximum(fitted.beta_cov.diagonal(), 0.0))
    z = fitted.beta / np.where(error > 0.0, error, np.nan)
    reach = stats.norm.ppf(0.5 + 0.5 * level) * error
    columns = {
        "estimate": fitted.beta,
        "std_error": error,
        "z": z,
        "p": 2.0 * stats.norm.sf(np.abs(z)),
        "lower": fitted.beta - reach,
        "upper": fitted.beta + reach,
    }
    return pd.DataFrame(columns, index=pd.Index(names, name="name"))


def _order(design: RandomDesign) -> IntArray:
    if not design.factors:
        return np.arange(len(design))
    codes = design.factors[0].codes
    if (np.diff(codes) >= 0).all():
        return np.arange(len(design))
    if design.factors[0].n_levels <= SHORT:
        codes = codes.astype(np.uint16)  # short numbers are sorted by counting
    return np.argsort(codes, kind="stable")


def _random_rows(
    rows: Rows, columns: Sequence[FloatArray], order: IntArray
) -> RandomRows:
    y, weights = rows.y[order], rows.weights[order]
    groups = [
        group_rows(
            rows.family,
            y,
            factor.codes[order],
            own,
            weights,
            factor.n_levels,
        )
        for factor, own in zip(rows.design.factors, columns, strict=True)
    ]
    if not groups:
        return NoFactor(rows.family, y, weights)
    if len(groups) > 1:
        return SeveralFactors(crossed_rows(groups))
    return OneFactor(groups[0], rows.n_nodes)
