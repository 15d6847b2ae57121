"""Early stopping on groups held out from the rows that a model is trained on.

Boosting is stopped where rows that it does not learn from are predicted best. These are
whole groups of the fold's own training part, so neither test rows nor groups that the
model knows decide. The model is fitted to the rest.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone

from flexcv._rows import take_arguments, take_rows
from flexcv.arrays import BoolArray, FloatArray, IntArray
from flexcv.dataset import Dataset
from flexcv.errors import FlexcvError

from .fit_arguments import WEIGHT
from .rounds import LIBRARIES, HeldOut, Library

DRAWS = 50  # choices of groups that are tried until no class is missing


def library_of(estimator: Any) -> Library | None:
    """Return how a model, or the last step of a pipeline, is stopped early.

    Examples
    --------
    >>> from sklearn.ensemble import GradientBoostingRegressor
    >>> from sklearn.linear_model import Ridge
    >>> library_of(GradientBoostingRegressor()).name, library_of(Ridge())
    ('gradient', None)
    """
    model = _last(estimator)[1]
    packages = {kind.__module__.partition(".")[0] for kind in type(model).__mro__}
    taken = inspect.signature(model.fit).parameters
    for library in LIBRARIES:
        if library.package in packages and library.argument in taken:
            return library
    return None


def rounds_parameter(estimator: Any) -> str:
    """Name the parameter of an estimator that holds its number of rounds."""
    prefix, model = _last(estimator)
    library = library_of(estimator)
    assert library is not None, "early stopping asked of a model without rounds"
    return prefix + library.rounds_of(model)


def refuse_without_rounds(name: str, estimator: Any) -> None:
    """Refuse early stopping of a model that is not known to stop.

    Raises
    ------
    ValueError
        In one sentence, before the first fit.
    """
    if library_of(estimator) is None:
        raise ValueError(
            f"early_stopping of {name!r} cannot be: it stops models of XGBoost, "
            "LightGBM and CatBoost, GradientBoosting and (from scikit-learn 1.7) "
            "HistGradientBoosting, alone or as the last step of a pipeline, got "
            f"{type(_last(estimator)[1]).__name__}; leave it out."
        )


def with_rounds(estimator: Any, rounds: Mapping[str, int]) -> Any:
    """Return an unfitted copy that runs a fixed number of rounds.

    Parameters
    ----------
    estimator
        Whose rounds are known.
    rounds
        Their number, by the name of the parameter.
    """
    prefix, model = _last(estimator)
    library = library_of(estimator)
    known = model.get_params(deep=False)
    own = {} if library is None else library.without_stopping
    off = {f"{prefix}{n}": value for n, value in own.items() if n in known}
    return clone(estimator).set_params(**off, **rounds)


def held_out(rows: IntArray, dataset: Dataset, amount: float, seed: int) -> IntArray:
    """Choose the rows that training leaves out to see where to stop.

    Parameters
    ----------
    rows
        Positions of training rows in the table.
    dataset
        The table; rows of a group stay together.
    amount
        A share of the groups, or a whole number of them; of rows, without groups.
    seed
        Decides which.

    Returns
    -------
    Positions among `rows`, in order.

    Raises
    ------
    FlexcvError
        When nothing would be left, or no choice leaves a row of every class.
    """
    codes = dataset.group_codes()
    units = np.arange(len(rows)) if codes is None else pd.factorize(codes[rows])[0]
    n_units = int(units.max()) + 1
    n_held = amount if isinstance(amount, int) else max(1, round(amount * n_units))
    kind = "rows" if codes is None else "groups"
    if n_held >= n_units:
        raise FlexcvError(
            f"early_stopping={amount!r} holds out {n_held} of {n_units} {kind} of a "
            "training part, so that none is left to learn from; use a smaller one."
        )
    rng = np.random.default_rng(seed)
    draws = [np.isin(units, rng.permutation(n_units)[:n_held]) for _ in range(DRAWS)]
    if not dataset.task.is_classification:
        return np.flatnonzero(draws[0])
    return np.flatnonzero(_with_all_classes(draws, dataset.numbers[rows]))


def fit_part(
    estimator: Any, X: Any, y: Any, arguments: Mapping[str, Any], held: IntArray | None
) -> dict[str, int]:
    """Fit to a training part; where rows are held out, with early stopping.

    Parameters
    ----------
    estimator, X, y, arguments, held
        As in `fit_stopping`; None holds nothing out, and no rounds are chosen.
    """
    if held is not None:
        return fit_stopping(estimator, X, y, arguments, held)
    estimator.fit(X, y, **arguments)
    return {}


def fit_stopping(
    estimator: Any, X: Any, y: Any, arguments: Mapping[str, Any], held: IntArray
) -> dict[str, int]:
    """Fit to all rows but those held out, which say how many rounds are kept.

    Parameters
    ----------
    estimator
        A model of rounds, or a pipeline that ends in one; it is fitted in place.
    X, y
        Training rows, the table as the model reads it, and their target.
    arguments
        Of `fit`; those with a value per row are cut.
    held
        Positions of the rows held out.

    Returns
    -------
    The number of rounds, by the name of the parameter that holds it.
    """
    library = library_of(estimator)
    assert library is not None, "early stopping asked of a model without rounds"
    kept = np.setdiff1d(np.arange(len(y)), held)
    X_fit, X_held = take_rows(X, kept), take_rows(X, held)
    prefix, model = _last(estimator)
    own = {
        n.removeprefix(prefix): v
        for n, v in arguments.items()
        if n[: len(prefix)] == prefix
    }
    if prefix:
        others = {n: v for n, v in arguments.items() if not n.startswith(prefix)}
        head = estimator[:-1]
        X_fit = head.fit_transform(
            X_fit, y[kept], **take_arguments(others, kept, len(y))
        )
        X_held = head.transform(X_held)
        estimator.steps[:-1] = head.steps
    weights = own.get(WEIGHT)
    unseen = HeldOut(X_held, y[held], _held_weights(weights, held))
    rounds = library.fit(
        model, X_fit, y[kept], unseen, take_arguments(own, kept, len(y))
    )
    return {prefix + library.rounds_of(model): rounds}


def _last(estimator: Any) -> tuple[str, Any]:
    """Return a pipeline's last step and the prefix of its parameters."""
    steps = getattr(estimator, "steps", None)
    return (f"{steps[-1][0]}__", steps[-1][1]) if steps else ("", estimator)


def _with_all_classes(draws: list[BoolArray], codes: FloatArray) -> BoolArray:
    """Choose a draw that leaves every class to learn, and holds out all if it can."""
    n_classes = len(np.unique(codes))
    learnt = [held for held in draws if len(np.unique(codes[~held])) == n_classes]
    if not learnt:
        raise FlexcvError(
            "early stopping finds no groups to hold out that leave rows of every class "
            "to learn from; use a smaller early_stopping, or leave it out."
        )
    both = [held for held in learnt if len(np.unique(codes[held])) == n_classes]
    return both[0] if both else learnt[0]


def _held_weights(weights: Any, held: IntArray) -> FloatArray | None:
    return None if weights is None else np.asarray(weights, dtype=np.float64)[held]
