"""Refuse random parts that no data of this shape could tell apart."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from flexcv.arrays import FloatArray, IntArray
from flexcv.errors import ModelError, NotIdentifiableError

from ._effects import INTERCEPT
from .columns import RandomDesign, RandomFactor
from .terms import RandomTerm

RESOLVED = 1e-7  # residual deviation, relative to the target's, that is rounding
EXACT = 1e-12  # spread of the residuals, relative to the target, that is none


def require_identifiable(design: RandomDesign) -> None:
    """Refuse factors whose variance the residual swallows.

    Parameters
    ----------
    design
        The random part of the training table.
    """
    for factor in design.factors:
        _require_distinct_effects(factor)
        _require_levels(factor, design.n_rows)
        _require_varying_slopes(factor)


def require_apart(design: RandomDesign, *, rows_repeat: bool) -> None:
    """Refuse factors whose variance a generalised model cannot tell.

    Parameters
    ----------
    design
        The random part of the training table.
    rows_repeat
        Whether a single row says how far its own mean varies, as a count does and a
        yes or no does not; a level may then have one row.
    """
    for factor in design.factors:
        _require_distinct_effects(factor)
        _require_two_levels(factor)
        if factor.n_levels >= design.n_rows and not rows_repeat:
            raise NotIdentifiableError(
                f"grouping factor {factor.name!r} has one row per level, so its "
                "variance cannot be estimated from yes and no; group more coarsely."
            )
        _require_varying_slopes(factor)


def require_residuals(
    target: FloatArray, fixed: Sequence[int] | IntArray, spread: float
) -> None:
    """Refuse a target that leaves nothing to share between groups and residual."""
    if len(fixed) >= len(target):
        raise ModelError(
            f"a mixed model needs more rows than fixed columns, got {len(target)} "
            f"rows and {len(fixed)} columns; drop columns."
        )
    if spread <= EXACT * max(float(np.abs(target).max()), np.finfo(float).tiny):
        raise ModelError(
            "the fixed part fits the target exactly, so no variance is left to "
            "estimate; use a model without random effects."
        )


def require_residual_left(sigma: float, spread: float) -> None:
    """Refuse a fit whose random effects reproduce the target."""
    if sigma <= RESOLVED * spread:
        raise ModelError(
            "the random effects fit the target exactly, so no residual variance is "
            "left to estimate; group more coarsely or drop slopes."
        )


def require_groups_apart(
    terms: Sequence[RandomTerm], variables: Collection[object]
) -> None:
    """Refuse a grouping column whose levels are also features, or that is a slope.

    A number may be both: a trend over years and an effect of each year are two things.

    Parameters
    ----------
    terms
        The random terms.
    variables
        Columns whose levels have fixed effects.
    """
    slopes = {name for term in terms for name in term.slopes}
    for term in terms:
        own = term.group
        if own in slopes or own in set(variables):
            raise ValueError(
                f"column {own!r} is both a grouping column and a feature; keep it "
                "in one role, or copy it under another name."
            )


def _require_distinct_effects(factor: RandomFactor) -> None:
    twice = [name for name in factor.names if factor.names.count(name) > 1]
    if INTERCEPT in twice and not _are_constant(factor, INTERCEPT):
        raise ValueError(
            f"a slope needs a name of its own, got the column {INTERCEPT!r}, which is "
            "what the intercept is called; rename the column."
        )
    if twice:
        raise NotIdentifiableError(
            f"effect {twice[0]!r} of grouping factor {factor.name!r} is in two terms, "
            "so their variances cannot be told apart; name it once."
        )


def _are_constant(factor: RandomFactor, wanted: str) -> bool:
    pairs = zip(factor.names, factor.columns, strict=True)
    return all(np.ptp(column) == 0.0 for name, column in pairs if name == wanted)


def _require_two_levels(factor: RandomFactor) -> None:
    if factor.n_levels < 2:
        raise NotIdentifiableError(
            f"grouping factor {factor.name!r} must have at least two levels, got "
            f"{factor.n_levels}; its variance cannot be estimated from one."
        )


def _require_levels(factor: RandomFactor, n_rows: int) -> None:
    levels, name = factor.n_levels, factor.name
    _require_two_levels(factor)
    if levels >= n_rows:
        raise NotIdentifiableError(
            f"grouping factor {name!r} has one row per level, so its variance cannot "
            "be told from the residual; group more coarsely."
        )
    for size in factor.blocks:
        if levels * size >= n_rows:
            raise NotIdentifiableError(
                f"grouping factor {name!r} asks for {levels * size} random effects "
                f"from {n_rows} rows; drop slopes or group more coarsely."
            )


def _require_varying_slopes(factor: RandomFactor) -> None:
    """One constant column is an intercept; a second one, or zeros, tell nothing."""
    pairs = zip(factor.names, factor.columns, strict=True)
    constant = [
        (name, column) for name, column in pairs if column.max() == column.min()
    ]
    surplus = [name for name, _ in constant if name != INTERCEPT]
    if len(constant) > 1 or any(column[0] == 0.0 for _, column in constant):
        raise NotIdentifiableError(
            f"slope {surplus[0]!r} of grouping factor {factor.name!r} is constant, so "
            "its effect cannot be told from the intercept; drop it."
        )
