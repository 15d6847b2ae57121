"""Which parameters made trials good: shares of a tuning (PED-ANOVA)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import optuna
import pandas as pd
from optuna.distributions import BaseDistribution
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial

PREFIX = "params_"  # of a parameter's column in a table of trials
FEWEST_TRIALS = 8  # below this a share says nothing


def importances_of(
    trials: Sequence[FrozenTrial],
    space: Mapping[str, BaseDistribution],
    greater_is_better: bool,
) -> dict[str, float]:
    """Compute the share of each parameter in what made trials good.

    Parameters
    ----------
    trials
        Complete trials with finite values: those of a study, or `frozen_trials`.
    space
        The distribution of each parameter.
    greater_is_better
        The direction of the objective.

    Returns
    -------
    dict
        The share by parameter; empty with fewer than two parameters or eight trials.
    """
    if len(space) < 2 or len(trials) < FEWEST_TRIALS:
        return {}
    with _quiet():
        study = optuna.create_study(
            direction="maximize" if greater_is_better else "minimize"
        )
        study.add_trials(list(trials))
        found = get_param_importances(study, evaluator=PedAnovaImportanceEvaluator())
    return {name: float(share) for name, share in found.items()}


def frozen_trials(
    table: pd.DataFrame, space: Mapping[str, BaseDistribution]
) -> list[FrozenTrial]:
    """Return the complete trials of a table with finite values, as Optuna's own."""
    rows = table[is_complete(table)].to_dict("records")
    return [_frozen(row, space) for row in rows]


def kept_by(
    table: pd.DataFrame, space: Mapping[str, BaseDistribution]
) -> dict[str, BaseDistribution]:
    """Return the part of a space whose values a table keeps as they were drawn.

    Of estimators it has the text, of secrets nothing.
    """
    return {
        name: distribution
        for name, distribution in space.items()
        if all(_is_drawn(value, distribution) for value in table[PREFIX + name])
    }


def is_complete(trials: pd.DataFrame) -> pd.Series[bool]:
    """Return for each trial of a table whether it ended with a finite value."""
    values = trials["value"].astype(float)
    finite = values.notna() & values.abs().ne(np.inf)
    return finite & trials["state"].eq("complete") if "state" in trials else finite


def _frozen(
    row: Mapping[Any, Any], space: Mapping[str, BaseDistribution]
) -> FrozenTrial:
    params = {
        name: _as_drawn(row[PREFIX + name], distribution)
        for name, distribution in space.items()
    }
    return optuna.trial.create_trial(
        params=params, distributions=dict(space), value=float(row["value"])
    )


def _is_drawn(value: Any, distribution: BaseDistribution) -> bool:
    try:
        _as_drawn(value, distribution)
    except (TypeError, ValueError):
        return False
    return True


def _as_drawn(value: Any, distribution: BaseDistribution) -> Any:
    """Undo what a column of a table did to a drawn value."""
    internal = distribution.to_internal_repr(_missing_as_none(value))
    return distribution.to_external_repr(internal)


def _missing_as_none(value: Any) -> Any:
    return None if isinstance(value, float) and np.isnan(value) else value


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep Optuna from announcing the study; its verbosity is restored."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(max(before, optuna.logging.WARNING))
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
