"""How each library is told which rows say when to stop, and how many rounds it keeps.

Every one keeps the round at which the rows held out are predicted best, and stops once
they have not been for `PATIENCE` rounds, or for as many as the model itself says.
"""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sklearn.metrics as skm

from flexcv._rounding import first_least
from flexcv.arrays import FloatArray
from flexcv.metrics.objective import mean_squared_error

PATIENCE = 10  # rounds without a better one, where the model does not say


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """Rows that a model is not fitted to, as the model reads them.

    Parameters
    ----------
    X, y
        Table and target.
    weights
        Of the rows, or None.
    """

    X: Any
    y: Any
    weights: FloatArray | None = None


Fit = Callable[[Any, Any, Any, HeldOut, Mapping[str, Any]], int]


@dataclass(frozen=True, slots=True)
class Library:
    """One library's way to stop early.

    Parameters
    ----------
    name
        What it is called here.
    package
        Where its classes come from.
    argument
        The argument of `fit` by which its models are known.
    fit
        Takes a model, table, target, rows held out and further arguments of `fit`;
        fits the model and gives the number of rounds that it keeps.
    rounds
        Names of the parameter for the number of rounds; one of them is used.
    without_stopping
        Parameters of a model that runs all its rounds.
    """

    name: str
    package: str
    argument: str
    fit: Fit
    rounds: tuple[str, ...] = ("n_estimators",)
    without_stopping: Mapping[str, Any] = field(default_factory=dict)

    def rounds_of(self, model: Any) -> str:
        """Name the parameter for the number of rounds: the one that is set."""
        known = model.get_params(deep=False)
        return next((name for name in self.rounds if name in known), self.rounds[0])


def _fit_xgboost(
    model: Any, X: Any, y: Any, held: HeldOut, arguments: Mapping[str, Any]
) -> int:
    if model.get_params(deep=False).get("early_stopping_rounds") is None:
        model.set_params(early_stopping_rounds=PATIENCE)
    given: dict[str, Any] = {"verbose": False, **arguments}
    if held.weights is not None:
        given["sample_weight_eval_set"] = [held.weights]
    model.fit(X, y, eval_set=[(held.X, held.y)], **given)
    return int(model.best_iteration) + 1


def _fit_lightgbm(
    model: Any, X: Any, y: Any, held: HeldOut, arguments: Mapping[str, Any]
) -> int:
    package = importlib.import_module("lightgbm")
    known = model.get_params(deep=False)
    names = ("early_stopping_round", "early_stopping_rounds", "n_iter_no_change")
    said = [known[name] for name in names if known.get(name)]
    stop = package.early_stopping((*said, PATIENCE)[0], verbose=False)
    given = dict(arguments)
    given["callbacks"] = [*(given.get("callbacks") or []), stop]
    if held.weights is not None:
        given["eval_sample_weight"] = [held.weights]
    if "eval_X" in inspect.signature(model.fit).parameters:  # since 4.7
        given |= {"eval_X": held.X, "eval_y": held.y}
    else:
        given["eval_set"] = [(held.X, held.y)]
    model.fit(X, y, **given)
    return int(model.best_iteration_)


def _fit_catboost(
    model: Any, X: Any, y: Any, held: HeldOut, arguments: Mapping[str, Any]
) -> int:
    known, given = model.get_params(), dict(arguments)
    if not {"early_stopping_rounds", "od_wait", "od_type"} & set(known):
        given.setdefault("early_stopping_rounds", PATIENCE)
    if not {"verbose", "silent", "logging_level", "verbose_eval"} & set(known):
        given.setdefault("verbose", False)
    package = importlib.import_module("catboost")
    columns = given.get("cat_features", known.get("cat_features"))
    pool = package.Pool(held.X, held.y, weight=held.weights, cat_features=columns)
    model.fit(X, y, eval_set=pool, **given)
    return int(model.tree_count_)


def _fit_histogram(
    model: Any, X: Any, y: Any, held: HeldOut, arguments: Mapping[str, Any]
) -> int:
    """Fit, find the best round, and fit that many: the same trees as far as there."""
    model.set_params(early_stopping=True)
    more = {} if held.weights is None else {"sample_weight_val": held.weights}
    model.fit(X, y, X_val=held.X, y_val=held.y, **more, **arguments)
    rounds = max(first_least(-np.asarray(model.validation_score_)), 1)
    if rounds < model.n_iter_:
        model.set_params(early_stopping=False, max_iter=rounds)
        model.fit(X, y, **arguments)
    return rounds


def _fit_gradient(
    model: Any, X: Any, y: Any, held: HeldOut, arguments: Mapping[str, Any]
) -> int:
    """Fit all rounds, find where to stop, and fit that many: the same trees."""
    patience = model.get_params(deep=False)["n_iter_no_change"] or PATIENCE
    model.set_params(n_iter_no_change=None)  # would split rows, whatever their groups
    model.fit(X, y, **arguments)
    rounds = best_round(_staged_losses(model, held), patience)
    if rounds < model.n_estimators_:
        model.set_params(n_estimators=rounds)
        model.fit(X, y, **arguments)
    return rounds


def best_round(losses: Iterable[float], patience: int) -> int:
    """Return the best round, counted from 1, before patience ends.

    Parameters
    ----------
    losses
        After each round; no more are read than are needed.
    patience
        Rounds without a better one after which none is looked at.

    Examples
    --------
    >>> best_round([3.0, 2.0, 2.5, 2.4, 1.0], patience=2)
    2
    """
    seen: list[float] = []
    for loss in losses:
        seen.append(loss)
        best = first_least(seen) + 1
        if len(seen) - best >= patience:
            break
    return best


def _staged_losses(model: Any, held: HeldOut) -> Iterable[float]:
    """Yield the loss of the rows held out after each round."""
    if hasattr(model, "classes_"):
        for table in model.staged_predict_proba(held.X):
            yield skm.log_loss(
                held.y, table, sample_weight=held.weights, labels=model.classes_
            )
        return
    loss = _loss_of(model)
    for predicted in model.staged_predict(held.X):
        yield loss(held.y, predicted, sample_weight=held.weights)


def _loss_of(model: Any) -> Callable[..., float]:
    """Return what a regressor makes small; for Huber's loss the absolute error."""
    if model.loss == "quantile":
        return functools.partial(skm.mean_pinball_loss, alpha=model.alpha)
    if model.loss == "squared_error":
        return mean_squared_error
    return functools.partial(skm.mean_absolute_error)


LIBRARIES = (
    Library(
        "xgboost", "xgboost", "eval_set", _fit_xgboost,
        without_stopping={"early_stopping_rounds": None},
    ),
    Library("lightgbm", "lightgbm", "eval_set", _fit_lightgbm),
    Library(
        "catboost", "catboost", "eval_set", _fit_catboost,
        ("iterations", "n_estimators", "num_boost_round", "num_trees"),
    ),
    Library(
        "histogram", "sklearn", "X_val", _fit_histogram, ("max_iter",),
        {"early_stopping": False},
    ),
    Library(
        "gradient", "sklearn", "monitor", _fit_gradient,
        without_stopping={"n_iter_no_change": None},
    ),
)  # fmt: skip
