"""One fold and one model: tune, fit, predict.

`run_unit` is a pure function of its arguments: serial, parallel and repeated runs
are this function called in another order.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from flexcv.dataset import Dataset
from flexcv.errors import StorageError
from flexcv.model_mapping import ModelSpec
from flexcv.records import Finding, FoldResult
from flexcv.resampling import Fold

from .advice import add_advice
from .lending import lent
from .responses import Answer, answer
from .roles import (
    assign_roles,
    columns_in_their_units,
    grouping_columns,
    seed_randomness,
)
from .scaling import FeatureTable
from .unit_tuning import UnitSettings, cut_rows, model_seed, prepared, tuned_on
from .watching import trace_of, watched

IntArray = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class FittedFold:
    """What a post-processor looks at: one fitted model and its data.

    The parts are cut from the table when somebody looks at them.

    Parameters
    ----------
    model, repeat, fold
        Its address.
    estimator
        The fitted pipeline: steps ``"table"`` and ``"model"``.
    dataset
        The whole table.
    group_names
        The grouping columns that the pipeline reads.
    predicted_train, predicted_test
        What it predicts for them: numbers or labels.
    train_rows, test_rows
        Positions of their rows in the whole table.
    probabilities_train, probabilities_test
        Of a classifier that gives them: a column per class of `dataset.task.classes`.
    """

    model: str
    repeat: int
    fold: int
    estimator: Any
    dataset: Dataset
    group_names: tuple[str, ...]
    predicted_train: npt.NDArray[Any]
    predicted_test: npt.NDArray[Any]
    train_rows: IntArray
    test_rows: IntArray
    probabilities_train: npt.NDArray[np.float64] | None = None
    probabilities_test: npt.NDArray[np.float64] | None = None

    @cached_property
    def train(self) -> Dataset:
        """The training part."""
        return self.dataset.take(self.train_rows)

    @cached_property
    def test(self) -> Dataset:
        """The test part."""
        return self.dataset.take(self.test_rows)

    @cached_property
    def X_train(self) -> pd.DataFrame:  # noqa: N802
        """The table the pipeline was trained on: features and grouping columns."""
        return self.train.table(self.group_names)

    @cached_property
    def X_test(self) -> pd.DataFrame:  # noqa: N802
        """The same columns of the test part."""
        return self.test.table(self.group_names)


def run_unit(
    fold: Fold, spec: ModelSpec, dataset: Dataset, settings: UnitSettings
) -> tuple[FoldResult, ...]:
    """Evaluate one model, and its variants, on one fold.

    Parameters
    ----------
    fold
        The split, its inner splits and its seed.
    spec
        The model.
    dataset
        The whole table.
    settings
        Scaling, tuning and what to do about errors.

    Returns
    -------
    The result of the model, then one of each variant.
    """
    address = f"{spec.name} on repeat {fold.repeat}, fold {fold.index}"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            base = prepared(spec, dataset, fold)
            tuned, seconds = tuned_on(base, fold, spec, dataset, settings)
        except Exception as error:
            error.add_note(f"while tuning {address}")
            add_advice(error, dataset)
            if settings.on_error == "raise" or isinstance(error, StorageError):
                raise
            return _all_failed(spec, fold, error)
    if tuned is not None:
        base = clone(base).set_params(**tuned.params)
    bare = replace(spec, post_processors=_processors(spec, for_variants=False))
    result = _evaluated(spec.name, base, fold, bare, dataset, settings)
    results = [
        replace(
            result,
            trials=None if tuned is None else tuned.trials,
            warnings=(*_texts(caught), *result.warnings),
            seconds={"tune": seconds, **result.seconds},
        )
    ]
    for variant in spec.variants:
        wrapped = assign_roles(variant.wrap(clone(base)), dataset)
        seed_randomness(wrapped, model_seed(fold, spec.name))
        bare = replace(spec, post_processors=_processors(spec, for_variants=True))
        results.append(_evaluated(variant.name, wrapped, fold, bare, dataset, settings))
    if tuned is not None:
        results = [replace(result, params=tuned.params) for result in results]
    return tuple(results)


def _processors(spec: ModelSpec, *, for_variants: bool) -> tuple[Any, ...]:
    """Choose who looks at the model, or at what is put around it.

    Without variants the model itself is all there is to look at.
    """
    if not spec.variants:
        return spec.post_processors
    return tuple(
        processor
        for processor in spec.post_processors
        if getattr(processor, "for_variants", False) is for_variants
    )


def _evaluated(
    name: str,
    estimator: Any,
    fold: Fold,
    spec: ModelSpec,
    dataset: Dataset,
    settings: UnitSettings,
) -> FoldResult:
    """Fit one estimator and predict, with its warnings and errors as data."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = _fit_and_predict(name, estimator, fold, spec, dataset, settings)
        except Exception as error:
            error.add_note(
                f"while fitting {name} on repeat {fold.repeat}, fold {fold.index}"
            )
            add_advice(error, dataset)
            if settings.on_error == "raise" or isinstance(error, StorageError):
                raise
            result = _failed(name, fold, error)
    return replace(result, warnings=_texts(caught))


def _fit_and_predict(
    name: str,
    estimator: Any,
    fold: Fold,
    spec: ModelSpec,
    dataset: Dataset,
    settings: UnitSettings,
) -> FoldResult:
    fitted, answers, seconds = _fitted_fold(
        name, estimator, fold, spec, dataset, settings
    )
    return FoldResult(
        name,
        fold.repeat,
        fold.index,
        answers[0].at(fold.train),
        answers[1].at(fold.test),
        traces=trace_of(estimator),
        findings=tuple(_findings(spec.post_processors, fitted)),
        seconds=seconds,
        estimator=fitted.estimator if settings.keep_estimators else None,
    )


def _fitted_fold(
    name: str,
    estimator: Any,
    fold: Fold,
    spec: ModelSpec,
    dataset: Dataset,
    settings: UnitSettings,
) -> tuple[FittedFold, tuple[Answer, Answer], dict[str, float]]:
    """Fit on the training part, predict both; give it all and the seconds spent."""
    groups = grouping_columns(estimator, dataset)
    whole = dataset.table(groups)
    table = FeatureTable(
        settings.scaling.outside,
        columns_in_their_units(estimator, dataset),
        dataset.is_array and not groups,
    )
    inside = table.fit_cut(whole, fold.train)
    target = dataset.target.to_numpy()[fold.train]
    fit_params = cut_rows(spec.fit_params, fold.train, len(dataset))
    start = time.perf_counter()
    with (
        lent(estimator, inside) as is_lent,
        watched(estimator, name, fold, settings.watch),
    ):
        estimator.fit(inside, target, **fit_params)
    fitted_at = time.perf_counter()
    if is_lent:
        del inside
        inside = table.cut(whole, fold.train)
    train = answer(estimator, inside, len(fold.train), dataset.task, name)
    del inside  # tables may be large; the test part can have its place
    inside = table.cut(whole, fold.test)
    test = answer(estimator, inside, len(fold.test), dataset.task, name)
    seconds = {"fit": fitted_at - start, "predict": time.perf_counter() - fitted_at}
    fitted = FittedFold(
        name,
        fold.repeat,
        fold.index,
        Pipeline([("table", table), ("model", estimator)]),
        dataset,
        groups,
        train.values,
        test.values,
        fold.train,
        fold.test,
        train.probabilities,
        test.probabilities,
    )
    return fitted, (train, test), seconds


def _findings(processors: Iterable[Any], fitted: FittedFold) -> Iterable[Finding]:
    for processor in processors:
        try:
            yield from processor(fitted)
        except Exception as error:
            error.add_note(f"in the post-processor {type(processor).__name__}")
            raise


def _failed(name: str, fold: Fold, error: Exception) -> FoldResult:
    notes = "; ".join(getattr(error, "__notes__", ()))
    text = f"{type(error).__name__}: {error}" + (f" ({notes})" if notes else "")
    return FoldResult(name, fold.repeat, fold.index, error=text)


def _all_failed(
    spec: ModelSpec, fold: Fold, error: Exception
) -> tuple[FoldResult, ...]:
    names = (spec.name, *(variant.name for variant in spec.variants))
    return tuple(_failed(name, fold, error) for name in names)


def _texts(caught: Iterable[warnings.WarningMessage]) -> tuple[tuple[str, str], ...]:
    """Keep each warning once, as (category, message)."""
    pairs = ((entry.category.__name__, str(entry.message)) for entry in caught)
    return tuple(dict.fromkeys(pairs))
