"""What a tracker is told about a tuning, from its table of trials."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import optuna
import pandas as pd
from optuna.distributions import BaseDistribution
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

PREFIX = "params_"
FEWEST_TRIALS = 8  # below this an importance says nothing


def with_best(trials: pd.DataFrame, greater_is_better: bool) -> pd.DataFrame:
    """Add the best value up to each trial; failed and pruned ones change nothing.

    Examples
    --------
    >>> trials = pd.DataFrame({"value": [3.0, float("nan"), 2.0, 4.0]})
    >>> with_best(trials, greater_is_better=False)["best_value"].tolist()
    [3.0, 3.0, 2.0, 2.0]
    """
    values = trials["value"].astype(float)
    values = values.where(_is_complete(trials))
    best = values.cummax() if greater_is_better else values.cummin()
    return trials.assign(best_value=best.ffill())


def importances(
    trials: pd.DataFrame,
    space: Mapping[str, BaseDistribution],
    greater_is_better: bool,
) -> dict[str, float]:
    """Give the share of each parameter in what made trials good (PED-ANOVA).

    Empty with fewer than two parameters or too few trials.
    """
    finite = trials[_is_complete(trials)]
    if len(space) < 2 or len(finite) < FEWEST_TRIALS:
        return {}
    with _quiet():
        study = optuna.create_study(
            direction="maximize" if greater_is_better else "minimize"
        )
        study.add_trials([_frozen(row, space) for row in finite.to_dict("records")])
        found = get_param_importances(study, evaluator=PedAnovaImportanceEvaluator())
    return {name: float(share) for name, share in found.items()}


def _is_complete(trials: pd.DataFrame) -> pd.Series[bool]:
    values = trials["value"].astype(float)
    finite = values.notna() & values.abs().ne(np.inf)
    return finite & trials["state"].eq("complete") if "state" in trials else finite


def _frozen(
    row: Mapping[Any, Any], space: Mapping[str, BaseDistribution]
) -> optuna.trial.FrozenTrial:
    params = {
        name: _as_drawn(row[PREFIX + name], distribution)
        for name, distribution in space.items()
    }
    return optuna.trial.create_trial(
        params=params, distributions=dict(space), value=float(row["value"])
    )


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
