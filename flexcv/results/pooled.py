"""Bootstrap intervals of pooled scores and of their differences, model by model.

What a model's predictions add to an interval is computed once for each set of folds:
fifty models have 1 225 pairs and fifty parts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import pandas as pd

from flexcv._checks import check_integer, check_number
from flexcv.metrics.limits import FREE

from .aligned import check_same_rows
from .deleted import Deleted, Score, count_groups, deleted_scores, has_groups
from .group_bootstrap import MIN_GROUPS, GroupScores, bootstrap_interval, on_scale
from .scales import PLAIN

Interval = tuple[float, float, float, str]  # estimate, lower, upper, method
Folds: TypeAlias = tuple[tuple[int, int], ...]  # (repeat, fold), in the run's order


@dataclass(frozen=True, slots=True)
class BootstrapSettings:
    """How intervals are drawn.

    Parameters
    ----------
    level
        Nominal coverage.
    n_bootstrap
        Resamples of groups.
    seed
        What decides them.
    """

    level: float = 0.95
    n_bootstrap: int = 2000
    seed: int = 0

    def __post_init__(self) -> None:
        if not check_number("level", self.level, 0.0) < 1.0 or self.level == 0.0:
            raise ValueError(
                f"`level` must lie between 0 and 1, got {self.level!r}; "
                "0.95 gives a 95 % interval."
            )
        check_integer("n_bootstrap", self.n_bootstrap, 100)
        check_integer("seed", self.seed, 0)


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """What one model predicted on some folds, as far as intervals need it."""

    test: pd.DataFrame  # repeat, fold, row and truth, sorted
    n_units: int
    kind: str  # of the units: groups or rows
    scores: tuple[Deleted, ...]
    plain: GroupScores  # of `scores` as they are, for differences


class PooledScores:
    """Bootstrap intervals from predictions; None where they cannot be had.

    Parameters
    ----------
    predictions
        Tidy predictions of all models, or None.
    function
        Takes true and predicted values, gives a number; None where it is lost.
    settings
        How intervals are drawn.
    limits
        The least and the greatest value of the score.
    """

    def __init__(
        self,
        predictions: pd.DataFrame | None,
        function: Score | None,
        settings: BootstrapSettings,
        limits: tuple[float, float] = FREE,
    ) -> None:
        self._function = function
        self._limits = limits
        self._settings = settings
        self._tables: dict[Any, pd.DataFrame] = {}
        self._parts: dict[tuple[Any, Folds], _Part | None] = {}
        if predictions is not None and function is not None:
            by_model = predictions.groupby("model", sort=False, observed=True)
            self._tables = dict(iter(by_model))
        self._folds = {model: _folds(table) for model, table in self._tables.items()}

    def folds(self, *models: Any) -> Folds:
        """Return (repeat, fold) of the folds that all these models predicted."""
        first, *others = (self._folds.get(model, ()) for model in models)
        if all(other == first for other in others):
            return first
        shared = set(first).intersection(*others)
        return tuple(fold for fold in first if fold in shared)

    def single(self, model: Any) -> Interval | None:
        """Return the interval of one model's score.

        Resampled t statistics with equal tails follow the skewness of a score that is
        free on one side, which is built as it is; one that would pass the limit, and
        every score between two limits, is built on the scale, where it is symmetric.
        """
        part = self._part(model, self.folds(model))
        if part is None:
            return None
        scaled = on_scale(part.scores, self._limits)
        if scaled.scale.name != "logit":
            plain = self._interval(part.plain, part, symmetric=False)
            if scaled.scale is PLAIN or self._are_inside(plain[1], plain[2]):
                return plain
        return self._interval(scaled, part, symmetric=True)

    def difference(self, a: Any, b: Any) -> Interval | None:
        """Return the interval of the score of A minus that of B, with equal tails."""
        folds = self.folds(a, b)
        of_a, of_b = self._part(a, folds), self._part(b, folds)
        if of_a is None or of_b is None:
            return None
        check_same_rows(a, b, of_a.test, of_b.test)
        return self._interval(of_a.plain - of_b.plain, of_a, symmetric=False)

    def _are_inside(self, lower: float, upper: float) -> bool:
        least, greatest = self._limits
        return not (lower < least or upper > greatest)  # NaN passes nothing

    def _part(self, model: Any, folds: Folds) -> _Part | None:
        """Return a model's part; None where there are too few groups."""
        key = model, folds
        if key not in self._parts:
            self._parts[key] = self._computed(model, folds) if folds else None
        return self._parts[key]

    def _computed(self, model: Any, folds: Folds) -> _Part | None:
        rows = self._tables[model]
        if folds != self._folds[model]:
            address = pd.MultiIndex.from_frame(rows[["repeat", "fold"]])
            rows = rows[address.isin(folds)]
        n_units = count_groups(rows)
        if n_units < MIN_GROUPS:
            return None
        assert self._function is not None, "there are no tables without a function"
        scores = deleted_scores(rows, self._function, self._settings.seed)
        kind = "groups" if has_groups(rows) else "rows"
        return _Part(_sorted_test(rows), n_units, kind, scores, on_scale(scores, FREE))

    def _interval(
        self, scores: GroupScores, part: _Part, *, symmetric: bool
    ) -> Interval:
        settings = self._settings
        lower, upper = bootstrap_interval(
            scores, settings.level, settings.n_bootstrap, settings.seed, symmetric
        )
        method = f"{scores.scale.label}bootstrap over {part.n_units} {part.kind}"
        return scores.estimate, lower, upper, method


def _folds(table: pd.DataFrame) -> Folds:
    test = table.loc[table["part"].eq("test"), ["repeat", "fold"]].drop_duplicates()
    return tuple(test.itertuples(index=False, name=None))


def _sorted_test(rows: pd.DataFrame) -> pd.DataFrame:
    keys = ["repeat", "fold", "row"]
    test = rows.loc[rows["part"].eq("test"), [*keys, "y_true"]]
    return test.sort_values(keys, ignore_index=True)
