"""Many folds of one model from one pass over the table, where a model can do that.

An estimator that can has a method ``fits_without(X, y, scaled=...)``. It gives a
function of the rows to leave out, which returns a fitted model and what it predicts for
every row; or None where these rows have to be fitted the ordinary way. It raises
`ValueError` where that is true of the whole table.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

import numpy as np

from flexcv.arrays import FloatArray, IntArray
from flexcv.dataset import Dataset
from flexcv.model_mapping import ModelSpec
from flexcv.records import FoldResult, Predictions
from flexcv.resampling import Fold, Plan
from flexcv.resampling.questions import trains_on_the_rest

from .learned import LearnedLater
from .preparing import columns_beside
from .unit import texts_of
from .unit_tuning import UnitSettings, prepared

MANY_FOLDS = 20  # with fewer, one pass saves little
MANY_ROWS = 1_000_000  # read by all fits together; below, ordinary ones cost nothing
Without: TypeAlias = Callable[[IntArray], tuple[Any, FloatArray] | None]


class FitsWithout(Protocol):
    """An estimator that fits all rows but some from one pass over all of them."""

    def fits_without(self, X: Any, y: Any, *, scaled: bool = False) -> Without:
        """Return the function that fits all rows but the ones it is given."""


class SharedFits:
    """The folds of a run that need no fit of their own, where there are many.

    A fold that comes from one pass has neither a fitted model, which is fitted again
    when it is asked for, nor a trace.

    Parameters
    ----------
    plan, dataset, settings
        Of the run.
    """

    def __init__(self, plan: Plan, dataset: Dataset, settings: UnitSettings) -> None:
        self._plan, self._dataset, self._settings = plan, dataset, settings
        self._opened: dict[str, Without | None] = {}
        self._row = dataset.features.iloc[:1]

    def serve(self, spec: ModelSpec) -> bool:
        """Whether this model's folds come from one pass."""
        if spec.name not in self._opened:
            self._opened[spec.name] = self._open(spec)
        return self._opened[spec.name] is not None

    def unit(self, fold: Fold, spec: ModelSpec) -> tuple[FoldResult, ...] | None:
        """Return the results of a fold, None where it must be fitted the ordinary way.

        Parameters
        ----------
        fold, spec
            Its address.
        """
        without = self._opened.get(spec.name) if self.serve(spec) else None
        if without is None or not trains_on_the_rest(fold, len(self._dataset)):
            return None
        start = time.perf_counter()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                found = without(fold.test)
            except np.linalg.LinAlgError:
                return None
            if found is None or not np.isfinite(found[1]).all():
                return None
            model, predicted = found
            result = FoldResult(
                spec.name,
                fold.repeat,
                fold.index,
                Predictions(fold.train, predicted.take(fold.train)),
                Predictions(fold.test, predicted.take(fold.test)),
                learned=LearnedLater(model, self._row),
                warnings=texts_of(caught),
                seconds={
                    "tune": 0.0,
                    "fit": time.perf_counter() - start,
                    "predict": 0.0,
                },
            )
        return (result,)

    def _open(self, spec: ModelSpec) -> Without | None:
        """Sum the rows of a table for a model that works from sums."""
        if not self._is_plain(spec):
            return None
        dataset, scaling = self._dataset, self._settings.scaling
        estimator = prepared(spec, dataset, self._plan.folds[0])
        whole = dataset.table(columns_beside(estimator, dataset, scaling))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # each fold's own fit says what is amiss
            try:
                without: Without = estimator.fits_without(
                    whole, dataset.target.to_numpy(), scaled=scaling.outside
                )
            except ValueError:  # fitted the ordinary way it says why, with an address
                return None
        return without

    def _is_plain(self, spec: ModelSpec) -> bool:
        """Whether nothing beside fit and prediction belongs to the model's folds."""
        dataset, settings = self._dataset, self._settings
        if not settings.shares_fits or len(self._plan) < MANY_FOLDS:
            return False
        if sum(len(fold.train) for fold in self._plan) < MANY_ROWS:
            return False
        if not callable(getattr(spec.estimator, "fits_without", None)):
            return False
        has_more = (
            spec.looks_inside
            or spec.early_stopping is not None
            or spec.threshold is not None
            or spec.variants
            or spec.post_processors
            or spec.fit_params
            or settings.scaling.between
            or dataset.task.is_classification
            or dataset.weights is not None
            or any(fold.known_rows is not None for fold in self._plan)
        )
        kinds = (dtype.kind for dtype in dataset.features.dtypes)
        return not has_more and all(kind in "iuf" for kind in kinds)
