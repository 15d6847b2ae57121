"""The fold of the model that is kept: all rows to learn from, and none to test."""

from __future__ import annotations

import numpy as np

from flexcv.dataset import Dataset

from .plan import (
    Fold,
    Plan,
    SplitSettings,
    inner_method,
    inner_splits,
    seed_number,
    splitter_seed,
)
from .splitting import Split

# Where its seed stands among those spawned from a run's: behind every repeat, so that
# it depends on the run's seed alone.
PLACE = 2**32 - 1


def whole_fold(
    dataset: Dataset,
    settings: SplitSettings,
    plan: Plan,
    seed: int,
    *,
    with_inner: bool = True,
) -> Fold:
    """Return the fold that trains on every row, with inner splits as the plan has them.

    Splitters get `seed` itself, as those of the first repeat do.

    Parameters
    ----------
    dataset
        The table.
    settings
        What the plan was made of.
    plan
        Whether its outer splits keep groups whole decides how an open inner split
        treats them.
    seed
        The run's seed.
    with_inner
        Whether inner splits are needed.

    Examples
    --------
    >>> from flexcv.dataset import make_dataset
    >>> from flexcv.resampling import CrossValMethod, make_plan
    >>> data = make_dataset({"x": range(6)}, range(6), groups=list("aabbcc"))
    >>> settings = SplitSettings(CrossValMethod.GROUP_KFOLD, None, 3, 3)
    >>> plan = make_plan(data, settings, seed=1, with_inner=False)
    >>> fold = whole_fold(data, settings, plan, seed=1)
    >>> len(fold.train), len(fold.test), [len(split.test) for split in fold.inner]
    (6, 0, [2, 2, 2])
    """
    root = np.random.SeedSequence(seed, spawn_key=(PLACE,))
    inner_seed, unit_seed = root.spawn(2)
    rows = np.arange(len(dataset), dtype=np.intp)
    every = Split(rows, rows[:0])
    inside: tuple[Split, ...] = ()
    if with_inner:
        method = inner_method(settings, plan.keeps_groups)
        number = splitter_seed(seed, 0, inner_seed)
        inside = inner_splits(dataset, every, method, settings, number, "all rows")
    return Fold(0, 0, seed_number(unit_seed), every.train, every.test, inside)
