"""Fit a mixed model to every training fold from one pass over the rows.

Sums are additive, so the sums of a training fold are those of the other folds taken
together. All folds share one basis and each fit begins where the whole table's ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from operator import add

import numpy as np

from flexcv.arrays import FloatArray, IntArray
from flexcv.errors import ModelError
from flexcv.models.design.accumulate import Table, fixed_basis
from flexcv.models.design.columns import RandomDesign

from .engine import Estimate, estimate
from .one_factor import GroupSums
from .rows import sums_of_parts

LEAST_SHARE = 1e-10  # of a column's sum of squares that a fold must keep


def estimate_folds(
    fixed: Sequence[FloatArray],
    design: RandomDesign,
    target: FloatArray,
    fold_of_row: IntArray,
    *,
    weights: FloatArray | None = None,
    constant: FloatArray | None = None,
    reml: bool = True,
) -> list[Estimate]:
    """Fit to all rows but those of fold k, for each k.

    Parameters
    ----------
    fixed, design, target, weights, constant
        The columns of all rows, as in `rows.sums_and_basis`; one grouping factor.
    fold_of_row
        The fold in which each row is left out, from zero.
    reml
        Whether to maximise the restricted likelihood.

    Returns
    -------
    list of Estimate
        One per fold. Levels that a fold leaves out altogether have effects of zero.

    Examples
    --------
    >>> import pandas as pd
    >>> from flexcv.models.design.columns import Columns, learn_fixed, learn_random
    >>> from flexcv.models.design.terms import RandomTerm
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame({"x": rng.normal(size=90), "g": np.repeat(range(9), 10)})
    >>> y = table["x"].to_numpy() + table["g"].to_numpy() + rng.normal(size=90)
    >>> source = Columns(table)
    >>> _, design = learn_random(source, [RandomTerm("g")])
    >>> columns = learn_fixed(table, leave_out=["g"]).columns(source)
    >>> folds = np.arange(90) % 3
    >>> fits = estimate_folds(columns, design, y, folds, constant=source.ones)
    >>> [fit.minimum.converged for fit in fits]
    [True, True, True]
    """
    if len(design.factors) > 1:
        raise ModelError(
            "fits from sums need one grouping factor, got "
            f"{len(design.factors)}; fit each fold from its rows."
        )
    table = Table(fixed, design, target, weights, constant)
    parts, basis = sums_of_parts(table, design, fixed_basis(table), fold_of_row)
    parts = _with_log_weights(parts, weights, fold_of_row)
    whole = reduce(add, parts)
    blocks = [factor.blocks for factor in design.factors]
    first = estimate(whole, basis, blocks, reml=reml)
    start = None if first.singular else first.minimum.theta
    fits = []
    for left_out in range(len(parts)):
        training = reduce(add, (p for k, p in enumerate(parts) if k != left_out))
        _require_rank(training, whole)
        fits.append(estimate(training, basis, blocks, reml=reml, start=start))
    return fits


def _with_log_weights(
    parts: Sequence[GroupSums], weights: FloatArray | None, fold_of_row: IntArray
) -> list[GroupSums]:
    if weights is None:
        return list(parts)
    logs = np.bincount(fold_of_row, np.log(weights), len(parts))
    return [
        replace(part, log_weights=float(own))
        for part, own in zip(parts, logs, strict=True)
    ]


def _require_rank(training: GroupSums, whole: GroupSums) -> None:
    """Refuse folds in which a column vanishes or depends on others."""
    p = whole.n_fixed
    if p == 0:
        return
    lower = np.linalg.cholesky(whole.gram[:p, :p])
    back = np.linalg.inv(lower)
    share = np.linalg.eigvalsh(back @ training.gram[:p, :p] @ back.T)
    if share[0] < LEAST_SHARE:
        raise ModelError(
            "a training fold lacks a fixed column that the whole table has; fit each "
            "fold from its rows."
        )
