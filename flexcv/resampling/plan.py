"""Every split of a run, decided before the first model is fitted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from flexcv._checks import check_choice, check_flag, check_integer
from flexcv.arrays import IntArray
from flexcv.dataset import Dataset
from flexcv.errors import PlanError

from .clock import WITHIN
from .known_rows import KnownRows, known_rows_of, require_new_groups
from .questions import known_shares, plan_name, question
from .registry import (
    CrossValMethod,
    FixedPairs,
    SplitMethod,
    inside_of,
    needs_groups,
    title_of,
)
from .splitting import (
    Split,
    clock_of,
    columns_read,
    is_in_row_order,
    refuse_later,
    splits_by,
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
    time: str | None = None
    time_within: str = "table"
    known_rows: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        check_integer("n_splits_out", self.n_splits_out, 2)
        check_integer("n_splits_in", self.n_splits_in, 2)
        check_integer("n_repeats", self.n_repeats, 1)
        check_flag("break_cross_val", self.first_fold_only)
        check_choice("time_within", self.time_within, WITHIN)
        if self.time is None and self.time_within != "table":
            raise ValueError(
                f"time_within={self.time_within!r} says whose clock `time` is but no "
                "`time` is set; name the column, or leave `time_within` out."
            )
        if isinstance(self.inner, FixedPairs):
            raise TypeError(
                "`split_in` must be a splitter, because each outer fold has other "
                "training rows; got index pairs, pass a name or a splitter object."
            )


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """One outer split with its inner splits, its address and its seed."""

    repeat: int
    index: int
    seed: int
    train: IntArray
    test: IntArray
    inner: tuple[Split, ...] = ()
    known_rows: KnownRows | None = None

    @property
    def splits(self) -> tuple[Split, ...]:
        """Return the outer split, then the inner ones."""
        return (Split(self.train, self.test), *self.inner)

    @property
    def address(self) -> str:
        """Say which fold it is; one without a test part is of all rows."""
        if len(self.test) == 0:
            return "all rows"
        return f"repeat {self.repeat}, fold {self.index}"


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Hold all folds of a run, in order.

    Iterate over it for the folds. `outer` and `inner` name the strategies. `known` is
    counted from the outer splits: the share of test rows whose group has rows in the
    training part, by grouping column, so 0.0 means that every group is new. It is
    empty without groups. `inner_known` is the same of the inner splits.

    `time` names the column whose order the outer splits keep, `time_within` says
    whether the table has one clock or each group its own, and `reads` names the extra
    columns that splitters see. Where rows of held-out groups become known, each fold
    says which in `known_rows`.
    """

    folds: tuple[Fold, ...]
    outer: str
    inner: str
    n_rows: int
    known: Mapping[str, float] = field(default_factory=dict)
    inner_known: Mapping[str, float] = field(default_factory=dict)
    time: str | None = None
    time_within: str = "table"
    reads: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Fold]:
        return iter(self.folds)

    def __len__(self) -> int:
        return len(self.folds)

    @property
    def group_name(self) -> str | None:
        """Name the first grouping column, which splits; None without groups."""
        return next(iter(self.known), None)

    @property
    def keeps_groups(self) -> bool | None:
        """Whether outer splits keep the first factor's groups whole; None without."""
        return _keeps_groups(self.known)

    @property
    def inner_keeps_groups(self) -> bool | None:
        """Whether inner splits keep the first factor's groups whole; None without."""
        return _keeps_groups(self.inner_known)

    @property
    def name(self) -> str:
        """Return a short name for what the outer splits answer."""
        return plan_name(self.known)

    @property
    def question(self) -> str:
        """Return which question the outer splits answer, as it was counted."""
        return question(self.known)

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
                for part in (split.train, split.test):
                    digest.update(_runs(part).tobytes())
                    digest.update(b"|")
            if fold.known_rows is not None:
                given = fold.known_rows
                digest.update(f"known rows {given.counts};".encode())
                digest.update(np.asarray(given.given, dtype=np.int64).tobytes())
        return digest.hexdigest()[:16]

    def __repr__(self) -> str:
        repeats = f", {self.n_repeats} repeats" if self.n_repeats > 1 else ""
        return (
            f"<Plan: {len(self)} folds by {self.outer}{repeats}, inside {self.inner}, "
            f"{self.n_rows} rows{self._order}; answers: how good for {self.question}>"
        )

    @property
    def _order(self) -> str:
        """Say whose order in time the folds keep, if any."""
        if self.time is None:
            return ""
        whose = f" of each {self.group_name!r}" if self.time_within == "groups" else ""
        return f" in the order of {self.time!r}{whose}"

    def _repr_html_(self) -> str:
        head = (
            f"<p><b>Plan</b>: {len(self)} folds by {self.outer}, inside {self.inner}"
            f"{self._order}; answers how well <b>{self.question}</b> are predicted.</p>"
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
        The table. A splitter object sees all its columns but the target as `X`
        (features, grouping columns, extra ones) and the first grouping column as
        `groups`.
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
        identical, pairs outside the table, a training row later than a test row.

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
    if settings.known_rows and dataset.groups is None:
        require_new_groups(None, settings.known_rows[-1], ())
    root = np.random.SeedSequence(seed)
    repeats = [
        _outer_splits(dataset, settings, seed, repeat, repeat_seed)
        for repeat, repeat_seed in enumerate(root.spawn(settings.n_repeats))
    ]
    _refuse_equal_repeats(repeats, settings)
    known = known_shares(dataset.groups, [s for splits, _ in repeats for s in splits])
    inner = inner_method(settings, _keeps_groups(known))
    clock = clock_of(dataset, settings.time, settings.time_within)
    folds = []
    for repeat, (splits, seeds) in enumerate(repeats):
        for index, (split, fold_seed) in enumerate(zip(splits, seeds, strict=True)):
            spawned, unit_seed = fold_seed.spawn(2)
            inner_seed = splitter_seed(seed, repeat, spawned)
            address = f"repeat {repeat}, fold {index}"
            inside = (
                inner_splits(dataset, split, inner, settings, inner_seed, address)
                if with_inner
                else ()
            )
            number = seed_number(unit_seed)
            given = known_rows_of(
                dataset, split.test, settings.known_rows, clock, number
            )
            parts = split.train, split.test, inside, given
            folds.append(Fold(repeat, index, number, *parts))
    if settings.first_fold_only:
        folds = folds[:1]
        known = known_shares(dataset.groups, folds)
    if settings.known_rows:
        chosen = [fold.known_rows for fold in folds]
        require_new_groups(_keeps_groups(known), settings.known_rows[-1], chosen)
    methods = (settings.outer, inner) if with_inner else (settings.outer,)
    return Plan(
        tuple(folds),
        title_of(settings.outer),
        title_of(inner),
        len(dataset),
        known,
        known_shares(dataset.groups, [s for fold in folds for s in fold.inner]),
        settings.time,
        settings.time_within,
        columns_read(dataset, methods, settings.time),
    )


def _runs(rows: IntArray) -> IntArray:
    """Return where each run of neighbouring rows begins and ends, in order.

    It says the same as the rows, in a few numbers where whole groups stand together.
    """
    ends = np.flatnonzero(np.diff(rows) != 1)
    first, last = rows[np.append(0, ends + 1)], rows[np.append(ends, len(rows) - 1)]
    return np.stack([first, last], axis=1).astype(np.int64)


def _keeps_groups(known: Mapping[str, float]) -> bool | None:
    """Whether no group of the first factor is known; None without groups."""
    return next((share == 0.0 for share in known.values()), None)


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
    number = splitter_seed(seed, repeat, spawned.spawn(1)[0])
    clock = clock_of(dataset, settings.time, settings.time_within)
    splits = splits_by(
        dataset, settings.outer, settings.n_splits_out, number, "split_out", clock
    )
    if clock is not None:
        has_groups = dataset.groups is not None
        refuse_later(splits, clock, title_of(settings.outer), has_groups=has_groups)
    return splits, spawned.spawn(len(splits))


def splitter_seed(seed: int, repeat: int, spawned: np.random.SeedSequence) -> int:
    """Return the run's own seed in the first repeat, as scikit-learn would have it."""
    if repeat == 0 and seed <= MAX_RANDOM_STATE:
        return seed
    return seed_number(spawned)


def inner_method(settings: SplitSettings, keeps: bool | None) -> SplitMethod:
    """Return how training parts are split, the outer splits keeping groups or not."""
    if settings.inner is not None:
        return settings.inner
    named = inside_of(settings.outer)
    if named is not None:
        return named
    if settings.time is not None:
        return CrossValMethod.TIME_SERIES_SPLIT
    return CrossValMethod.GROUP_KFOLD if keeps else CrossValMethod.KFOLD


def inner_splits(
    dataset: Dataset,
    outer: Split,
    method: SplitMethod,
    settings: SplitSettings,
    seed: int,
    address: str,
) -> tuple[Split, ...]:
    """Split the training rows of an outer split; positions are those of the table."""
    part = dataset.take(outer.train)
    clock = clock_of(part, settings.time, settings.time_within)
    try:
        inside = splits_by(part, method, settings.n_splits_in, seed, "split_in", clock)
    except PlanError as error:
        error.add_note(f"while making the inner splits of {address}")
        raise
    return tuple(
        Split(outer.train[split.train], outer.train[split.test]) for split in inside
    )


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
        if settings.time is not None or is_in_row_order(settings.outer):
            raise PlanError(
                f"`n_repeats` is {settings.n_repeats} but {title_of(settings.outer)} "
                "follows the order in time, of which there is one, so every repeat "
                "would give the same folds; set n_repeats=1."
            )
        raise PlanError(
            f"`n_repeats` is {settings.n_repeats} but {title_of(settings.outer)} gives "
            "the same folds each time; set n_repeats=1, or pass a splitter that "
            "shuffles with random_state=None."
        )


def seed_number(seed: np.random.SeedSequence) -> int:
    """Return a seed as the whole number that every `random_state` accepts."""
    return int(seed.generate_state(1)[0] % SEED_RANGE)
