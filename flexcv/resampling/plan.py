"""Every split of a run, decided before the first model is fitted."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from flexcv._checks import check_flag, check_integer
from flexcv.arrays import IntArray
from flexcv.dataset import Dataset
from flexcv.errors import PlanError

from .registry import (
    CrossValMethod,
    FixedPairs,
    SplitMethod,
    inside_of,
    make_splitter,
    needs_groups,
    title_of,
)

SEED_RANGE = 2**31 - 1  # what every random_state accepts
MAX_RANDOM_STATE = 2**32 - 1  # of scikit-learn


@dataclass(frozen=True, slots=True)
class SplitSettings:
    """How the rows are to be split; `None` for `inner` follows the outer split."""

    outer: SplitMethod = CrossValMethod.KFOLD
    inner: SplitMethod | None = None
    n_splits_out: int = 5
    n_splits_in: int = 5
    n_repeats: int = 1
    first_fold_only: bool = False

    def __post_init__(self) -> None:
        check_integer("n_splits_out", self.n_splits_out, 2)
        check_integer("n_splits_in", self.n_splits_in, 2)
        check_integer("n_repeats", self.n_repeats, 1)
        check_flag("break_cross_val", self.first_fold_only)
        if isinstance(self.inner, FixedPairs):
            raise TypeError(
                "`split_in` must be a splitter, because each outer fold has other "
                "training rows; got index pairs, pass a name or a splitter object."
            )


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Row positions, in the whole table, of one training and one test part."""

    train: IntArray
    test: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """One outer split with its inner splits, its address and its seed."""

    repeat: int
    index: int
    seed: int
    train: IntArray
    test: IntArray
    inner: tuple[Split, ...] = ()

    @property
    def splits(self) -> tuple[Split, ...]:
        """Return the outer split, then the inner ones."""
        return (Split(self.train, self.test), *self.inner)


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Hold all folds of a run, in order.

    Iterate over it for the folds. `outer` and `inner` name the strategies and
    `keeps_groups` says whether every outer split keeps groups whole (None without
    groups): then the run answers how well *new* groups are predicted, else how well
    *known* ones are.
    """

    folds: tuple[Fold, ...]
    outer: str
    inner: str
    n_rows: int
    group_name: str | None = None
    keeps_groups: bool | None = None
    inner_keeps_groups: bool | None = None

    def __iter__(self) -> Iterator[Fold]:
        return iter(self.folds)

    def __len__(self) -> int:
        return len(self.folds)

    @property
    def question(self) -> str:
        """Return which question the outer splits answer."""
        if self.keeps_groups is None:
            return "new rows"
        return "new groups" if self.keeps_groups else "known groups"

    @property
    def n_repeats(self) -> int:
        """Count the repeats."""
        return len({fold.repeat for fold in self.folds})

    def to_frame(self) -> pd.DataFrame:
        """Return a row per split: repeat, fold, inner (-1 is the outer one), sizes."""
        rows = []
        for fold in self.folds:
            for number, split in enumerate(fold.splits, start=-1):
                rows.append(
                    {
                        "repeat": fold.repeat,
                        "fold": fold.index,
                        "inner": number,
                        "n_train": len(split.train),
                        "n_test": len(split.test),
                    }
                )
        return pd.DataFrame(rows)

    @property
    def fingerprint(self) -> str:
        """Return a short text that is equal exactly when all splits and seeds are."""
        digest = hashlib.sha256()
        for fold in self.folds:
            digest.update(f"{fold.repeat},{fold.index},{fold.seed};".encode())
            for split in fold.splits:
                digest.update(np.asarray(split.train, dtype=np.int64).tobytes())
                digest.update(b"|")
                digest.update(np.asarray(split.test, dtype=np.int64).tobytes())
        return digest.hexdigest()[:16]

    def __repr__(self) -> str:
        repeats = f", {self.n_repeats} repeats" if self.n_repeats > 1 else ""
        return (
            f"<Plan: {len(self)} folds by {self.outer}{repeats}, inside {self.inner}, "
            f"{self.n_rows} rows; answers: how good for {self.question}>"
        )

    def _repr_html_(self) -> str:
        head = (
            f"<p><b>Plan</b>: {len(self)} folds by {self.outer}, inside {self.inner}; "
            f"answers how well <b>{self.question}</b> are predicted.</p>"
        )
        outer = self.to_frame().query("inner == -1").drop(columns="inner")
        return head + outer.to_html(index=False, max_rows=20)


def make_plan(
    dataset: Dataset, settings: SplitSettings, seed: int, *, with_inner: bool = True
) -> Plan:
    """Decide all outer splits, inner splits and seeds of a run.

    Splitters of the first repeat, outer and inner, get `seed` itself, so that named
    splits give the folds of scikit-learn's own splitters with ``random_state=seed``;
    seeds of later repeats and of models are spawned from it per repeat and fold, so
    that none depends on how many folds or models there are.

    Parameters
    ----------
    dataset
        The table; its first grouping column reaches outer and inner splitters.
    settings
        What to split by.
    seed
        The run's seed.
    with_inner
        Whether inner splits are needed, which is when a model is tuned.

    Raises
    ------
    PlanError
        When the splits cannot be made: more folds than groups, repeats that would be
        identical, pairs outside the table.

    Examples
    --------
    >>> from flexcv.dataset import make_dataset
    >>> data = make_dataset({"x": range(6)}, range(6), groups=list("aabbcc"))
    >>> settings = SplitSettings(CrossValMethod.GROUP_KFOLD, n_splits_out=3)
    >>> plan = make_plan(data, settings, seed=1, with_inner=False)
    >>> len(plan), plan.question
    (3, 'new groups')
    """
    _refuse_missing_groups(dataset, settings)
    root = np.random.SeedSequence(seed)
    repeats = [
        _outer_splits(dataset, settings, seed, repeat, repeat_seed)
        for repeat, repeat_seed in enumerate(root.spawn(settings.n_repeats))
    ]
    _refuse_equal_repeats(repeats, settings)
    codes = dataset.group_codes()
    keeps = _keeps_groups([split for splits, _ in repeats for split in splits], codes)
    inner = _inner_method(settings, keeps)
    folds = []
    for repeat, (splits, seeds) in enumerate(repeats):
        for index, (split, fold_seed) in enumerate(zip(splits, seeds, strict=True)):
            spawned, unit_seed = fold_seed.spawn(2)
            inner_seed = _splitter_seed(seed, repeat, spawned)
            address = f"repeat {repeat}, fold {index}"
            inside = (
                _inner_splits(dataset, split, inner, settings, inner_seed, address)
                if with_inner
                else ()
            )
            number = seed_number(unit_seed)
            folds.append(Fold(repeat, index, number, split.train, split.test, inside))
    if settings.first_fold_only:
        folds = folds[:1]
    return Plan(
        tuple(folds),
        title_of(settings.outer),
        title_of(inner),
        len(dataset),
        dataset.group_names[0] if codes is not None else None,
        keeps,
        _keeps_groups([s for fold in folds for s in fold.inner], codes),
    )


def _refuse_missing_groups(dataset: Dataset, settings: SplitSettings) -> None:
    for argument, method in [
        ("split_out", settings.outer),
        ("split_in", settings.inner),
    ]:
        if needs_groups(method) and dataset.groups is None:
            raise PlanError(
                f"{argument}={title_of(method)!r} splits by groups but the data have "
                "none; pass `groups` to set_data or choose 'KFold'."
            )


def _outer_splits(
    dataset: Dataset,
    settings: SplitSettings,
    seed: int,
    repeat: int,
    spawned: np.random.SeedSequence,
) -> tuple[list[Split], list[np.random.SeedSequence]]:
    number = _splitter_seed(seed, repeat, spawned.spawn(1)[0])
    splits = _splits(
        dataset, settings.outer, settings.n_splits_out, number, "split_out"
    )
    return splits, spawned.spawn(len(splits))


def _splitter_seed(seed: int, repeat: int, spawned: np.random.SeedSequence) -> int:
    """Return the run's own seed in the first repeat, as scikit-learn would have it."""
    if repeat == 0 and seed <= MAX_RANDOM_STATE:
        return seed
    return seed_number(spawned)


def _inner_method(settings: SplitSettings, keeps: bool | None) -> SplitMethod:
    if settings.inner is not None:
        return settings.inner
    named = inside_of(settings.outer)
    if named is not None:
        return named
    return CrossValMethod.GROUP_KFOLD if keeps else CrossValMethod.KFOLD


def _inner_splits(
    dataset: Dataset,
    outer: Split,
    method: SplitMethod,
    settings: SplitSettings,
    seed: int,
    address: str,
) -> tuple[Split, ...]:
    try:
        inside = _splits(
            dataset.take(outer.train), method, settings.n_splits_in, seed, "split_in"
        )
    except PlanError as error:
        error.add_note(f"while making the inner splits of {address}")
        raise
    return tuple(
        Split(outer.train[split.train], outer.train[split.test]) for split in inside
    )


def _splits(
    dataset: Dataset, method: SplitMethod, n_splits: int, seed: int, argument: str
) -> list[Split]:
    splitter = make_splitter(method, n_splits, seed)
    groups = dataset.splitting_groups
    labels = None if groups is None else groups.to_numpy()
    try:
        with warnings.catch_warnings():
            # That a splitter ignores groups is for the pre-flight checks to say.
            warnings.filterwarnings("ignore", "The groups parameter is ignored")
            # Our own splitters see classes as a category, and do not bin them.
            is_ours = isinstance(method, CrossValMethod)
            keep = is_ours and dataset.task.is_classification
            target = dataset.target if keep else dataset.target.to_numpy()
            pairs = list(splitter.split(dataset.features, target, labels))
    except (TypeError, ValueError) as error:
        raise PlanError(
            f"`{argument}`: {title_of(method)} cannot split these "
            f"{len(dataset)} rows: {error}"
        ) from error
    splits = [Split(_rows(train), _rows(test)) for train, test in pairs]
    _check_splits(splits, len(dataset), argument, title_of(method))
    return splits


def _rows(positions: Any) -> IntArray:
    return np.asarray(positions, dtype=np.intp)


def _check_splits(splits: list[Split], n_rows: int, argument: str, title: str) -> None:
    if not splits:
        raise PlanError(f"`{argument}`: {title} gave no folds; pass at least one.")
    for number, split in enumerate(splits):
        where = f"`{argument}`: fold {number} of {title}"
        if len(split.train) == 0 or len(split.test) == 0:
            raise PlanError(f"{where} has an empty training or test part.")
        both = np.concatenate([split.train, split.test])
        outside = both[(both < 0) | (both >= n_rows)]
        if len(outside):
            raise PlanError(
                f"{where} names row {outside[0]} of a table with {n_rows} rows; "
                "use positions from 0."
            )
        seen = np.zeros(n_rows, dtype=bool)
        seen[split.train] = True
        if seen[split.test].any():
            raise PlanError(
                f"{where} has rows in training and test at once; make them disjoint."
            )
        tested = np.zeros(n_rows, dtype=bool)
        tested[split.test] = True
        if np.count_nonzero(tested) < len(split.test):
            raise PlanError(f"{where} names a test row more than once.")


def _refuse_equal_repeats(
    repeats: list[tuple[list[Split], list[np.random.SeedSequence]]],
    settings: SplitSettings,
) -> None:
    if len(repeats) < 2:
        return
    first, second = repeats[0][0], repeats[1][0]
    if len(first) == len(second) and all(
        np.array_equal(a.test, b.test) for a, b in zip(first, second, strict=True)
    ):
        raise PlanError(
            f"`n_repeats` is {settings.n_repeats} but {title_of(settings.outer)} gives "
            "the same folds each time; set n_repeats=1, or pass a splitter that "
            "shuffles with random_state=None."
        )


def _keeps_groups(splits: list[Split], codes: IntArray | None) -> bool | None:
    if codes is None or not splits:
        return None
    n_groups = int(codes.max()) + 1
    for split in splits:
        seen = np.zeros(n_groups, dtype=bool)
        seen[codes[split.train]] = True
        if seen[codes[split.test]].any():
            return False
    return True


def seed_number(seed: np.random.SeedSequence) -> int:
    """Return a seed as the whole number that every `random_state` accepts."""
    return int(seed.generate_state(1)[0] % SEED_RANGE)
