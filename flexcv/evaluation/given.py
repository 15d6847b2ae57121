"""What a fitted model says of held-out groups once some of their rows are known."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline
from sklearn.utils.metaestimators import available_if

from flexcv.arrays import IntArray
from flexcv.dataset import Dataset
from flexcv.dataset.task import gives_probabilities
from flexcv.records import KnownPredictions, Predictions
from flexcv.resampling import Fold

from .answers import answer
from .scaling import FeatureTable
from .thresholds import AtThreshold


def _has_shares(given: GivenRows) -> bool:
    return gives_probabilities(given._model)


class GivenRows:
    """A fitted model that has known rows at hand when it predicts.

    Parameters
    ----------
    model
        One whose `predict` takes ``known=(table, y)``, or a pipeline that ends in one.
    table, y
        The known rows as the model reads them, and their outcome.
    """

    def __init__(self, model: Any, table: Any, y: Any) -> None:
        steps = model[:-1] if isinstance(model, Pipeline) else None
        self._before = steps if steps is not None and len(steps) else None
        self._model = model if steps is None else model[-1]
        self._known = self._inside(table), y
        self.classes_ = getattr(model, "classes_", None)

    def predict(self, X: Any) -> Any:
        """Predict given the known rows."""
        return self._model.predict(self._inside(X), known=self._known)

    @available_if(_has_shares)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> Any:
        """Return probabilities given the known rows."""
        return self._model.predict_proba(self._inside(X), known=self._known)

    def _inside(self, X: Any) -> Any:
        return X if self._before is None else self._before.transform(X)


def takes_known(model: Any) -> bool:
    """Whether a model, or the last step of a pipeline, can be told of known rows."""
    if isinstance(model, AtThreshold):
        model = model.estimator_
    last = model[-1] if isinstance(model, Pipeline) else model
    predict = getattr(last, "predict", None)
    if predict is None or "known" not in inspect.signature(predict).parameters:
        return False
    if getattr(last, "known_groups", "") == "population":
        return False
    grouping = getattr(last, "grouping_columns", None)
    return grouping is None or bool(grouping())


def answer_given(
    model: Any,
    test: Predictions,
    table: FeatureTable,
    whole: pd.DataFrame,
    fold: Fold,
    dataset: Dataset,
    name: str,
) -> KnownPredictions | None:
    """Predict held-out groups for every number of known rows.

    All test rows but the known ones are at hand each time, so that what a model takes
    from features of a group, such as their means, is the same for every number.

    Parameters
    ----------
    model
        Fitted.
    test
        What it predicts without known rows.
    table
        How the model reads rows.
    whole
        All rows with the columns that it reads.
    fold
        The split, with the rows that become known.
    dataset
        The whole table.
    name
        Of the model, for messages.
    """
    given = fold.known_rows
    if given is None:
        return None
    if not takes_known(model) or not len(given.asked):
        return KnownPredictions(given.counts, given.asked)
    target, found = dataset.target.to_numpy(), []
    for count in given.counts:
        known = given.known(count)
        if not len(known):
            found.append(_at(test, given.asked))
            continue
        rows = fold.test[~np.isin(fold.test, known)]
        told = _told(model, table.cut(whole, known), target[known])
        part = answer(told, table.cut(whole, rows), rows, dataset.task, name)
        found.append(_at(part, given.asked))
    shares = tuple(p.probabilities for p in found if p.probabilities is not None)
    values = tuple(part.predicted for part in found)
    return KnownPredictions(given.counts, given.asked, values, shares)


def _told(model: Any, table: Any, y: Any) -> Any:
    """Return a model that has known rows at hand, with the threshold that it has."""
    if not isinstance(model, AtThreshold):
        return GivenRows(model, table, y)
    inside = GivenRows(model.estimator_, table, y)
    return AtThreshold.around(inside, model.threshold, model.classes)


def _at(part: Predictions, asked: IntArray) -> Predictions:
    """Keep the predictions of the rows that are scored."""
    order = np.argsort(part.rows)
    places = order[np.searchsorted(part.rows, asked, sorter=order)]
    shares = None if part.probabilities is None else part.probabilities[places]
    return Predictions(asked, part.predicted[places], shares)
