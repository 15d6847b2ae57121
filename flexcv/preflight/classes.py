"""What can be seen to be wrong about a target of classes before the first fit."""

from __future__ import annotations

import numpy as np
import pandas as pd

from flexcv._checks import listed
from flexcv.arrays import IntArray
from flexcv.dataset import Dataset
from flexcv.metrics import CLASS_METRICS
from flexcv.resampling import Fold, Plan

from .setup import Setup, Told

ROWS_PER_LEVEL = 5  # fewer rows of a level may be of one class by chance
NEARLY_ALL = 0.95  # of the mistakes made without a feature, that it avoids
RARE = 0.2  # share of rows of a class that accuracy hardly sees
UNEVEN = 0.5  # share of a class, relative to classes of equal size


def classes_told(setup: Setup) -> Told:
    """Look for features with few levels, each of which has rows of one class only."""
    dataset = setup.dataset
    if not dataset.task.is_classification:
        return
    codes = dataset.numbers.astype(np.intp)
    for name in dataset.features.columns:
        levels = pd.factorize(dataset.features[name], use_na_sentinel=False)[0]
        n_levels = int(levels.max()) + 1
        if n_levels < 2 or n_levels * ROWS_PER_LEVEL > len(codes):
            continue
        wrong, avoided = _mistakes(levels, codes, n_levels)
        if avoided >= NEARLY_ALL:
            rows = f"all but {wrong} of {len(codes)} rows" if wrong else "every row"
            yield (
                "warn",
                f"the feature {name!r} tells the class of {rows}; drop it unless it is "
                "known before the outcome.",
            )


def rare_class(setup: Setup) -> Told:
    """Name a rare class where no metric would notice a model that never predicts it."""
    dataset, metrics = setup.dataset, setup.metrics
    accuracy = CLASS_METRICS["accuracy"]
    blind = [
        m for m in metrics if m.function is accuracy.function or m.name == "accuracy"
    ]
    if not dataset.task.is_classification or not metrics or len(blind) < len(metrics):
        return
    classes = dataset.task.classes
    shares = np.bincount(dataset.numbers.astype(np.intp)) / len(dataset)
    rarest = int(shares.argmin())
    if shares[rarest] < min(RARE, UNEVEN / len(classes)):
        yield (
            "warn",
            f"class {classes[rarest]!r} has {shares[rarest]:.0%} of the rows and "
            "accuracy is the only metric: a model that never predicts it is called "
            f"right in up to {1 - shares[rarest]:.0%} of the rows; add "
            "'balanced_accuracy', 'log_loss' or 'roc_auc' to the metrics.",
        )


def classes_missing(setup: Setup) -> Told:
    """Look for classes without a row in some part of an outer fold."""
    dataset, plan = setup.dataset, setup.plan
    if not dataset.task.is_classification:
        return
    codes = dataset.numbers.astype(np.intp)
    for part, effect in (
        ("training", "models there give it probability zero"),
        ("test", "metrics that need every class are NaN there"),
    ):
        lacking = [
            (fold, missing)
            for fold in plan
            if (missing := _missing(codes[_rows(fold, part)], dataset))
        ]
        if lacking:
            fold, missing = lacking[0]
            rest = f" and of {len(lacking) - 1} more" if lacking[1:] else ""
            yield (
                "warn",
                f"no row of class {listed(missing)} is in the {part} part of repeat "
                f"{fold.repeat}, fold {fold.index}{rest}: {effect}; use "
                f"{_stratified(plan)!r} or fewer folds.",
            )


def _mistakes(levels: IntArray, codes: IntArray, n_levels: int) -> tuple[int, float]:
    """Count the rows that a feature tells wrongly; give the share of mistakes avoided.

    Goodman and Kruskal's lambda: relative to calling each row by the largest class.
    """
    table = np.zeros((n_levels, int(codes.max()) + 1), dtype=np.intp)
    np.add.at(table, (levels, codes), 1)
    wrong = int(len(codes) - table.max(axis=1).sum())
    without = int(len(codes) - table.sum(axis=0).max())
    return wrong, 1.0 - wrong / without if without else 0.0


def _missing(codes: IntArray, dataset: Dataset) -> list[object]:
    counts = np.bincount(codes, minlength=len(dataset.task.classes))
    return [dataset.task.classes[place] for place in np.flatnonzero(counts == 0)]


def _rows(fold: Fold, part: str) -> IntArray:
    return fold.train if part == "training" else fold.test


def _stratified(plan: Plan) -> str:
    return "StratifiedGroupKFold" if plan.keeps_groups else "StratifiedKFold"
