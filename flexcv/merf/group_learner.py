"""What of the effects of groups follows from the features that a group has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import clone
from sklearn.model_selection import KFold
from sklearn.utils.validation import has_fit_parameter

from flexcv._rows import take_rows
from flexcv.arrays import FloatArray
from flexcv.models.alternating.out_of_sample import predictions

FEWEST_GROUPS = 10
N_FOLDS = 5


@dataclass(frozen=True, slots=True, eq=False)
class GroupLearner:
    """Predict the effect of a group from the means of its features.

    The effects of groups are taken as b_i = h(mean of x_i) + u_i with independent u_i
    (Mundlak 1978, Chamberlain 1982), and h is learnt from one row per group.

    Attributes
    ----------
    learner
        A fitted clone of the learner of rows.
    share
        What its predictions are multiplied with, between 0 and 1: the slope of the
        effects on predictions for groups that it has not seen.
    level
        What it is added to: the mean of the effects.
    """

    learner: Any
    share: float
    level: float

    def values(self, features: Any, codes: npt.NDArray[np.intp]) -> FloatArray:
        """Return h for every row, from the rows at hand of its group.

        Parameters
        ----------
        features
            What the learner reads of each row.
        codes
            Each row's group, numbered from 0.
        """
        if not len(codes):
            return np.zeros(0)
        table = group_table(features, codes)
        found = predictions(self.learner, table, len(table))
        return np.asarray(self.level + self.share * (found - self.level))[codes]


def learn_groups(
    learner: Any,
    features: Any,
    codes: npt.NDArray[np.intp],
    effects: FloatArray,
    weights: FloatArray,
    seed: int,
) -> tuple[GroupLearner, FloatArray] | None:
    """Learn effects of groups, and predict each of them from the other groups.

    Parameters
    ----------
    learner
        Cloned, for rows that are groups.
    features, codes
        What it reads of each row, and the row's group, numbered from 0.
    effects
        The effect of each group as its rows show it, not shrunken.
    weights
        How reliable they are, between 0 and 1.
    seed
        Of the folds of groups.

    Returns
    -------
    The learner and its honest predictions, one per group; None where groups are few
    or features tell nothing of their effects.
    """
    if len(effects) < FEWEST_GROUPS:
        return None
    table = group_table(features, codes)
    honest = np.empty(len(effects))
    folds = KFold(N_FOLDS, shuffle=True, random_state=seed)
    for train, test in folds.split(effects):
        part = _fitted(learner, take_rows(table, train), effects[train], weights[train])
        honest[test] = predictions(part, take_rows(table, test), len(test))
    level = float(np.average(effects, weights=weights))
    share = _slope(honest - level, effects - level, weights)
    if share <= 0.0:
        return None
    whole = GroupLearner(_fitted(learner, table, effects, weights), share, level)
    return whole, level + share * (honest - level)


def group_table(features: Any, codes: npt.NDArray[np.intp]) -> Any:
    """Return a row per group: the mean of each number, the first of anything else."""
    table = features if isinstance(features, pd.DataFrame) else pd.DataFrame(features)
    grouped = table.groupby(np.asarray(codes), sort=True)
    columns = {
        name: grouped[name].mean() if _is_number(table[name]) else grouped[name].first()
        for name in table.columns
    }
    found = pd.DataFrame(columns)
    return found if table is features else found.to_numpy()


def _is_number(column: pd.Series) -> bool:
    kinds = pd.api.types
    return kinds.is_numeric_dtype(column) and not kinds.is_bool_dtype(column)


def _fitted(learner: Any, table: Any, effects: FloatArray, weights: FloatArray) -> Any:
    own = clone(learner)
    if has_fit_parameter(own, "sample_weight"):
        return own.fit(table, effects, sample_weight=weights)
    return own.fit(table, effects)


def _slope(x: FloatArray, y: FloatArray, weights: FloatArray) -> float:
    spread = float(np.sum(weights * x * x))
    if spread == 0.0:
        return 0.0
    return float(np.clip(np.sum(weights * x * y) / spread, 0.0, 1.0))
