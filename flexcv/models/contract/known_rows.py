"""Predictions for groups of whom some rows are known: the fit stays, effects move."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from flexcv.arrays import FloatArray, IntArray
from flexcv.errors import UnknownGroupsWarning
from flexcv.models.design._effects import Columns
from flexcv.models.design._table import prediction_table
from flexcv.models.design.columns import FactorEncoder, RandomDesign, RandomFactor
from flexcv.models.design.labels import label_places, plain_index
from flexcv.models.gaussian.known_rows import conditional_mean, effect_loads
from flexcv.models.laplace.known_modes import conditional_mode


@dataclass(frozen=True, slots=True, eq=False)
class KnownTarget:
    """The outcome of known rows as numbers, and what each row weighs.

    Attributes
    ----------
    outcome
        Numbers; of two classes zeros and ones.
    weights
        Precisions for a normal outcome, multipliers of the log-likelihood for others.
    """

    outcome: FloatArray
    weights: FloatArray


def predictor_given(model: Any, X: Any, known: Any) -> tuple[FloatArray, RandomDesign]:
    """Return the linear predictor given known rows, and the random part of the rows.

    Levels of whom rows are known count as known in the random part that comes back.

    Parameters
    ----------
    model
        Fitted, an `AbstractMixedModel`.
    X
        The rows to predict.
    known
        A pair: a table of known rows, and their outcome.
    """
    table, y = _pair(model, known)
    asked, given = prediction_table(model, X), prediction_table(model, table)
    target = model._known_target(given, y)
    if not model.random_encoder_.factors or not len(given):
        source = model._source(X)
        design = model._known_design(source)
        return model._linear(source, design), design
    joint = stacked_rows(asked, given, model.grouping_columns())
    source = Columns(model._with_group_means(joint), model.unknown_levels)
    trained = model.random_encoder_.design(source)
    design = _with_new_levels(trained, model.random_encoder_.factors, joint)
    linear, n = model._linear(source, trained), len(asked)
    known_rows = n + np.flatnonzero(np.isfinite(linear[n:]))
    _heed_unasked(design, n)
    linear += _moved(model, design, known_rows, linear[known_rows], target)
    return linear[:n], _as_known(design, n, known_rows)


def _moved(
    model: Any,
    design: RandomDesign,
    rows: IntArray,
    before: FloatArray,
    target: KnownTarget,
) -> FloatArray:
    """Return by how much known rows move the linear predictor of every row.

    Those that have none, for want of a level that training showed, tell nothing.
    """
    own = rows - (len(design) - len(target.outcome))
    y, weights = target.outcome[own], target.weights[own]
    covariances = model.random_part_.covariances
    loads = effect_loads(design, rows, covariances, model._level_spread())
    family = model._link_family()
    if family is None:
        precisions = weights / model.sigma_**2
        u = conditional_mean(loads[rows], y - before, precisions)
    else:
        dispersion = float(getattr(model, "dispersion_", 1.0))
        u = conditional_mode(family, y, before, loads[rows], weights, dispersion)
    return np.asarray(loads @ u)


def _pair(model: Any, known: Any) -> tuple[Any, Any]:
    if not isinstance(known, tuple) or len(known) != 2:
        raise TypeError(
            "`known` must be a pair (table, y) of known rows and their outcome, got "
            f"{type(known).__name__}; pass known=(table, y)."
        )
    if model.known_groups == "population":
        raise ValueError(
            "`known` needs known_groups='conditional', got 'population'; leave `known` "
            "out, or fit with known_groups='conditional'."
        )
    return known


def stacked_rows(
    asked: pd.DataFrame, given: pd.DataFrame, groups: Sequence[Any]
) -> pd.DataFrame:
    """Put known rows below those to predict, with labels of groups written alike.

    Parameters
    ----------
    asked, given
        Rows to predict and known rows; columns that both have are kept.
    groups
        The grouping columns.
    """
    shared = [name for name in asked.columns if name in given.columns]
    below = given[shared].copy()
    for name in groups:
        below[name] = _written_alike(given[name], asked[name])
    alike = {
        name: object
        for name in shared
        if isinstance(asked[name].dtype, pd.CategoricalDtype)
        and asked[name].dtype != below[name].dtype
    }
    above = asked[shared].astype(alike)
    return pd.concat([above, below.astype(alike)], ignore_index=True)


def _written_alike(column: pd.Series, other: pd.Series) -> pd.Series:
    """Return labels as the other column writes them: 308 for "308"."""
    if column.dtype == other.dtype and column.dtype != object:
        return column
    codes, uniques = pd.factorize(column)
    labels, known = plain_index(uniques), plain_index(other.unique())
    places = label_places(labels, known)
    as_there = [
        known[place] if place >= 0 else label
        for label, place in zip(labels, places, strict=True)
    ]
    written = pd.Index([*as_there, None], dtype=object).take(codes)
    return pd.Series(written, index=column.index, name=column.name).infer_objects()


def _with_new_levels(
    design: RandomDesign, encoders: Sequence[FactorEncoder], table: pd.DataFrame
) -> RandomDesign:
    """Return the design with numbers for new levels, after those of training."""
    factors = tuple(
        replace(factor, codes=_all_codes(factor, encoder.group_columns, table))
        for factor, encoder in zip(design.factors, encoders, strict=True)
    )
    return RandomDesign(factors, len(design))


def _all_codes(
    factor: RandomFactor, columns: Sequence[Any], table: pd.DataFrame
) -> IntArray:
    new = np.flatnonzero(factor.codes < 0)
    codes = factor.codes.copy()
    labels = table.iloc[new].groupby(list(columns), sort=False, observed=True)
    codes[new] = factor.n_levels + labels.ngroup().to_numpy()
    return codes


def _as_known(design: RandomDesign, n: int, known: IntArray) -> RandomDesign:
    """Return the first rows, where only levels without a known row are unknown."""
    factors = []
    for factor in design.factors:
        codes = factor.codes
        is_new = (codes >= factor.n_levels) & ~np.isin(codes, codes[known])
        own = np.where(is_new, -1, np.minimum(codes, factor.n_levels - 1))
        columns = tuple(column[:n] for column in factor.columns)
        factors.append(replace(factor, codes=own[:n], columns=columns))
    return RandomDesign(tuple(factors), n)


def _heed_unasked(design: RandomDesign, n: int) -> None:
    """Warn of known rows that share no level with a row to predict."""
    serves = np.zeros(len(design) - n, dtype=bool)
    for factor in design.factors:
        serves |= np.isin(factor.codes[n:], factor.codes[:n])
    left = int((~serves).sum())
    if left and n:
        warnings.warn(
            f"`known` has {left} row(s) of groups that no row asks for, and they may "
            "change nothing; write labels as in the table to predict, or drop them.",
            UnknownGroupsWarning,
            stacklevel=5,
        )
