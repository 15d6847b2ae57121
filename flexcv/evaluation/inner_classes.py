"""Tuning of classifiers: what is scored inside, and on which inner folds."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from flexcv.dataset import Dataset, Task
from flexcv.dataset.task import gives_probabilities
from flexcv.errors import CheckWarning, FlexcvError
from flexcv.metrics import CLASS_OBJECTIVE, DEFAULT_OBJECTIVE, ObjectiveScorer
from flexcv.metrics.objective import LABEL_OBJECTIVE
from flexcv.resampling import Fold, Split


def objective_for(
    estimator: Any, objective: ObjectiveScorer, task: Task
) -> ObjectiveScorer:
    """Return the objective of one model, with the classes filled in.

    The default is the mean squared error of numbers; of classes the log loss, and for
    a model that gives no probabilities the share of rows mistaken.
    """
    if not task.is_classification:
        return objective
    if objective is DEFAULT_OBJECTIVE or objective == DEFAULT_OBJECTIVE:
        knows = gives_probabilities(estimator)
        objective = CLASS_OBJECTIVE if knows else LABEL_OBJECTIVE
    return objective.among(task.classes)


def usable_splits(
    fold: Fold, dataset: Dataset, objective: ObjectiveScorer
) -> Sequence[Split]:
    """Leave out inner folds that lack a class the fit or the objective needs.

    Warns
    -----
    CheckWarning
        Once, naming the folds that are left out.

    Raises
    ------
    FlexcvError
        When no inner fold is left.
    """
    if not dataset.task.is_classification:
        return fold.inner
    target = dataset.target.to_numpy()
    reasons = {
        number: _trouble(target[split.train], target[split.test], dataset, objective)
        for number, split in enumerate(fold.inner)
    }
    left_out = {number: why for number, why in reasons.items() if why}
    if not left_out:
        return fold.inner
    number, why = next(iter(left_out.items()))
    if len(left_out) == len(fold.inner):
        raise FlexcvError(
            f"no inner fold can be tuned on: {why} of inner fold {number}, for "
            "example; use split_in='StratifiedKFold', fewer inner folds, or another "
            "objective."
        )
    warnings.warn(
        f"{len(left_out)} of {len(fold.inner)} inner folds are left out of the tuning: "
        f"{why} of inner fold {number}, for example; use a stratified split_in.",
        CheckWarning,
        stacklevel=2,
    )
    return [split for n, split in enumerate(fold.inner) if n not in left_out]


def _trouble(
    train: Any, valid: Any, dataset: Dataset, objective: ObjectiveScorer
) -> str:
    """Say why an inner fold cannot be used; an empty text when it can."""
    if np.all(train == train[0]):
        return f"only class {train[0]!r} is in the training part"
    if objective.is_defined(valid, dataset.task.classes):
        return ""
    missing = [label for label in dataset.task.classes if not np.any(valid == label)]
    return (
        f"the objective needs class {missing[0]!r} in the validation part"
        if missing
        else "the objective gives no number for the validation part"
    )
