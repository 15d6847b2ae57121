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

from flexcv.arrays import FloatArray, IntArray
from flexcv.dataset import Dataset
from flexcv.errors import StorageError, UnknownGroupsWarning
from flexcv.model_mapping import ModelSpec
from flexcv.records import Finding, FoldResult, Predictions
from flexcv.resampling import Fold

from .advice import add_advice
from .answers import answer
from .early_stopping import fit_part, with_rounds
from .fit_arguments import fit_arguments
from .given import answer_given
from .learned import learned_tables
from .lending import lent
from .preparing import columns_beside, feature_table
from .roles import (
    assign_roles,
    seed_randomness,
)
from .thresholds import AtThreshold, threshold_of
from .unit_tuning import (
    UnitSettings,
    model_seed,
    prepared,
    stopping_rows,
    tuned_on,
)
from .watching import trace_of, watched

# What is predicted of the test part of a fold that has none: the fold of all rows.
NOTHING = Predictions(np.arange(0), np.arange(0))


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
    probabilities_train: FloatArray | None = None
    probabilities_test: FloatArray | None = None

    @classmethod
    def of(
        cls,
        model: str,
        pipeline: Any,
        groups: tuple[str, ...],
        parts: tuple[Predictions, Predictions],
        fold: Fold,
        dataset: Dataset,
    ) -> FittedFold:
        """Put together what is known of a fitted pipeline and its two predictions."""
        train, test = parts
        return cls(
            model,
            fold.repeat,
            fold.index,
            pipeline,
            dataset,
            groups,
            dataset.task.as_known(train.predicted),
            dataset.task.as_known(test.predicted),
            fold.train,
            fold.test,
            train.probabilities,
            test.probabilities,
        )

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
    address = f"{spec.name} on {fold.address}"
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
    work = _Work(spec.name, fold, spec, dataset, settings)
    around = replace(spec, early_stopping=None)  # runs the rounds that the model kept
    result = _evaluated(base, work)
    results = [
        replace(
            result,
            trials=None if tuned is None else tuned.trials,
            warnings=(*texts_of(caught), *result.warnings),
            seconds={"tune": seconds, **result.seconds},
        )
    ]
    if spec.early_stopping is not None and spec.variants:
        if result.error:  # how many rounds to run around it is not known then
            names = [variant.name for variant in spec.variants]
            return (*results, *(replace(results[0], model=name) for name in names))
        base = with_rounds(base, result.params)
    for variant in spec.variants:
        wrapped = assign_roles(variant.wrap(clone(base)), dataset)
        seed_randomness(wrapped, model_seed(fold, spec.name))
        other = replace(work, name=variant.name, spec=around)
        results.append(_evaluated(wrapped, other))
    chosen, drawn = ({}, {}) if tuned is None else (tuned.params, tuned.drawn)
    params = {**chosen, **result.params}
    return tuple(replace(result, params=params, drawn=drawn) for result in results)


@dataclass(frozen=True, slots=True, eq=False)
class _Work:
    """What every step of one evaluation reads."""

    name: str  # of the model, or of the variant around it
    fold: Fold
    spec: ModelSpec
    dataset: Dataset
    settings: UnitSettings

    @property
    def inside(self) -> tuple[Fold, ModelSpec, Dataset, UnitSettings]:
        return self.fold, self.spec, self.dataset, self.settings

    @property
    def processors(self) -> tuple[Any, ...]:
        return processors_of(self.spec, for_variants=self.name != self.spec.name)


def processors_of(spec: ModelSpec, *, for_variants: bool) -> tuple[Any, ...]:
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


def _evaluated(estimator: Any, work: _Work) -> FoldResult:
    """Fit one estimator and predict, with its warnings and errors as data."""
    fold = work.fold
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = _fit_and_predict(estimator, work)
        except Exception as error:
            error.add_note(f"while fitting {work.name} on {fold.address}")
            add_advice(error, work.dataset)
            if work.settings.on_error == "raise" or isinstance(error, StorageError):
                raise
            result = _failed(work.name, fold, error)
    return replace(result, warnings=texts_of(caught))


def _fit_and_predict(estimator: Any, work: _Work) -> FoldResult:
    """Fit on the training part, predict both, and let post-processors look."""
    fold, dataset = work.fold, work.dataset
    groups = columns_beside(estimator, dataset, work.settings.scaling)
    whole, target = dataset.table(groups), dataset.target.to_numpy()
    table = feature_table(estimator, dataset, work.settings.scaling)
    start = time.perf_counter()
    inside = table.fit_cut(whole, fold.train, target[fold.train])
    cut = time.perf_counter() - start
    threshold = threshold_of(estimator, *work.inside)
    is_lent, fitting, rounds = _fit(estimator, inside, work)
    if is_lent:
        del inside
        inside = table.cut(whole, fold.train)
    answering = estimator
    if threshold is not None:
        answering = AtThreshold.around(estimator, threshold, dataset.task.classes)
    train = answer(answering, inside, fold.train, dataset.task, work.name)
    del inside  # tables may be large; the test part can have its place
    test, known = NOTHING, None
    if len(fold.test):
        inside = table.cut(whole, fold.test)
        test = answer(answering, inside, fold.test, dataset.task, work.name)
        known = answer_given(answering, test, table, whole, fold, dataset, work.name)
    spent = time.perf_counter() - start - cut
    pipeline = Pipeline([("table", table), ("model", estimator)])
    whole_model = Pipeline([("table", table), ("model", answering)])
    fitted = FittedFold.of(work.name, pipeline, groups, (train, test), fold, dataset)
    return FoldResult(
        work.name,
        fold.repeat,
        fold.index,
        train,
        test,
        params=rounds,
        traces=trace_of(estimator),
        learned=learned_tables(pipeline, whole.iloc[fold.train[:1]]),
        findings=tuple(findings_of(work.processors, fitted)),
        seconds={"fit": fitting, "predict": spent - fitting},
        estimator=whole_model if work.settings.keep_estimators else None,
        known=known,
        threshold=threshold,
    )


def _fit(
    estimator: Any, inside: Any, work: _Work
) -> tuple[bool, float, dict[str, int]]:
    """Fit; returns whether rows were overwritten, the seconds, and the rounds kept."""
    rows, dataset = work.fold.train, work.dataset
    target = dataset.target.to_numpy()[rows]
    fit_params = fit_arguments(estimator, work.spec, dataset, rows)
    held = stopping_rows(rows, work.fold, work.spec, dataset)
    start = time.perf_counter()
    with (
        lent(estimator, inside) as is_lent,
        watched(estimator, work.name, work.fold, work.settings.watch),
    ):
        rounds = fit_part(estimator, inside, target, fit_params, held)
    return is_lent, time.perf_counter() - start, rounds


def findings_of(processors: Iterable[Any], fitted: FittedFold) -> Iterable[Finding]:
    """Yield what post-processors see in a fitted fold."""
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


def texts_of(
    caught: Iterable[warnings.WarningMessage],
) -> tuple[tuple[str, str], ...]:
    """Keep each warning once, as (category, message).

    All rows are of one table, whose plan says which groups are new in a test part; that
    a model does not know them is no news.
    """
    pairs = (
        (entry.category.__name__, str(entry.message))
        for entry in caught
        if not issubclass(entry.category, UnknownGroupsWarning)
    )
    return tuple(dict.fromkeys(pairs))
