"""What can be seen to be wrong about a target of classes before the first fit."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from flexcv._checks import listed
from flexcv.arrays import IntArray
from flexcv.dataset import Dataset
from flexcv.resampling import Fold, Plan

ROWS_PER_LEVEL = 5  # fewer rows of a level may be of one class by chance


def classes_told(dataset: Dataset) -> Iterator[tuple[str, str]]:
    """Look for features with few levels, each of which has rows of one class only."""
    if not dataset.task.is_classification:
        return
    codes = dataset.numbers.astype(np.intp)
    for name in dataset.features.columns:
        levels = pd.factorize(dataset.features[name], use_na_sentinel=False)[0]
        n_levels = int(levels.max()) + 1
        if n_levels < 2 or n_levels * ROWS_PER_LEVEL > len(codes):
            continue
        if _tells(levels, codes, n_levels):
            yield (
                "warn",
                f"the feature {name!r} tells the class of every row; drop it unless it "
                "is known before the outcome.",
            )


def classes_missing(dataset: Dataset, plan: Plan) -> Iterator[tuple[str, str]]:
    """Look for classes without a row in some part of an outer fold."""
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


def _tells(levels: IntArray, codes: IntArray, n_levels: int) -> bool:
    first = np.zeros(n_levels, dtype=np.intp)
    first[levels] = codes
    return bool((first[levels] == codes).all())


def _missing(codes: IntArray, dataset: Dataset) -> list[object]:
    counts = np.bincount(codes, minlength=len(dataset.task.classes))
    return [dataset.task.classes[place] for place in np.flatnonzero(counts == 0)]


def _rows(fold: Fold, part: str) -> IntArray:
    return fold.train if part == "training" else fold.test


def _stratified(plan: Plan) -> str:
    return "StratifiedGroupKFold" if plan.keeps_groups else "StratifiedKFold"
