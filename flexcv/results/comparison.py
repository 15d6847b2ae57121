"""Honest uncertainty of scores and of differences between models.

Pure functions of the tidy frames `scores` and `predictions`. Two views stand side by
side: tests over folds, corrected for training sets that overlap, and a bootstrap over
whole groups, which is the interval to trust when groups are the unit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from flexcv._checks import check_flag, check_integer, check_number

from ._aligned import (
    by_model,
    check_same_folds,
    check_same_rows,
    fold_scores,
    held_out_ratio,
)
from .fold_tests import CorrectedTest, corrected_t_test, practical_probabilities
from .group_bootstrap import (
    MIN_GROUPS,
    GroupScores,
    bootstrap_interval,
    count_groups,
    group_scores,
    has_groups,
)

Score = Callable[[Any, Any], float]
Interval = tuple[float, float, float, str]  # estimate, lower, upper, method

PAIR_COLUMNS = [
    "model_a",
    "model_b",
    "n_folds",
    "difference",
    "lower",
    "upper",
    "method",
    "fold_difference",
    "t",
    "df",
    "p_value",
    "rope",
    "p_better",
    "p_equal",
    "p_worse",
    "sentence",
]
DEFAULT_ROPE = 0.01  # share of the mean absolute score of the two models
CLEAR = 0.95  # a probability that settles a comparison
NO_INTERVAL = "none: one fold and too few groups"


def pairwise_comparison(
    scores: pd.DataFrame,
    predictions: pd.DataFrame | None,
    metric: str,
    *,
    greater_is_better: bool,
    function: Score | None = None,
    rope: float | None = None,
    level: float = 0.95,
    n_bootstrap: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Compare all pairs of models on one metric.

    Parameters
    ----------
    scores
        Tidy scores: model, repeat, fold, part, metric, value.
    predictions
        Tidy predictions of the training and test parts: model, repeat, fold, row,
        group, y_true, y_pred, part. Without them there is no bootstrap.
    metric
        Name of the metric. Where `scores` does not have it, it is computed from the
        predictions by `function`.
    greater_is_better
        Direction of the metric.
    function
        Takes true and predicted values, gives the metric.
    rope
        Half the width of the region of practical equivalence, in units of the metric;
        by default 1 % of the mean absolute score of the two models.
    level
        Nominal coverage of the interval.
    n_bootstrap, seed
        Resamples of groups, and what decides them.

    Returns
    -------
    DataFrame, one row per pair
        - `model_a`, `model_b`, `n_folds`: who, and on how many folds both were scored
        - `difference`, `lower`, `upper`, `method`: score of A minus score of B, with
          its interval, from predictions pooled over folds and averaged over repeats
        - `fold_difference`, `t`, `df`, `p_value`: unweighted mean over folds and the
          corrected resampled t-test (not adjusted for the number of pairs)
        - `rope`, `p_better`, `p_equal`, `p_worse`: the Bayesian correlated t-test;
          better means that A is better than B by more than the rope
        - `sentence`: the answer in words

    Notes
    -----
    Folds where either model failed (NaN) are left out for that pair. Models that were
    not scored on the same folds and rows are refused. From one fold there is no test,
    only the bootstrap. With fewer than 8 groups, or without predictions, the interval
    is the one of the corrected test.

    See Also
    --------
    score_intervals : One interval per model.
    """
    check_flag("greater_is_better", greater_is_better)
    settings = _Settings(level, n_bootstrap, seed)
    if rope is not None:
        check_number("rope", rope, 0.0)
    folds = fold_scores(scores, predictions, metric, function)
    check_same_folds(folds)
    wide = by_model(folds)
    ratio = held_out_ratio(predictions, wide)
    pooled = _PooledScores(predictions, function, settings)
    rows = []
    for a, b in combinations(wide.columns, 2):
        pair = wide[[a, b]].dropna()
        test = corrected_t_test((pair[a] - pair[b]).tolist(), ratio)
        width = _default_rope(pair) if rope is None else rope
        above, equal, below = practical_probabilities(test, width)
        row = {
            "model_a": a,
            "model_b": b,
            "n_folds": len(pair),
            **_named(
                pooled.difference(a, b, pair.index) or _fold_interval(test, level)
            ),
            "fold_difference": test.mean,
            "t": test.t,
            "df": test.df,
            "p_value": test.p_value,
            "rope": width,
            "p_better": above if greater_is_better else below,
            "p_equal": equal,
            "p_worse": below if greater_is_better else above,
        }
        rows.append({**row, "sentence": _sentence(row, level)})
    return pd.DataFrame(rows, columns=PAIR_COLUMNS)


def score_intervals(
    scores: pd.DataFrame,
    predictions: pd.DataFrame | None,
    metric: str,
    *,
    function: Score | None = None,
    level: float = 0.95,
    n_bootstrap: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Give each model's score with an interval.

    Parameters
    ----------
    scores, predictions, metric, function, level, n_bootstrap, seed
        As in `pairwise_comparison`.

    Returns
    -------
    DataFrame indexed by model
        Columns `mean`, `lower`, `upper`, `method`. From a bootstrap the mean is the
        score pooled over all out-of-fold rows and averaged over repeats, which for a
        ratio like r2 is not the mean over folds. A model that failed everywhere has
        NaN.
    """
    settings = _Settings(level, n_bootstrap, seed)
    wide = by_model(fold_scores(scores, predictions, metric, function))
    ratio = held_out_ratio(predictions, wide)
    pooled = _PooledScores(predictions, function, settings)
    rows = {}
    for model in wide:
        done = wide[model].dropna()
        test = corrected_t_test(done.tolist(), ratio)
        rows[model] = pooled.single(model, done.index) or _fold_interval(test, level)
    table = pd.DataFrame.from_dict(
        rows, orient="index", columns=["mean", "lower", "upper", "method"]
    )
    return table.rename_axis("model")


@dataclass(frozen=True, slots=True)
class _Settings:
    level: float
    n_bootstrap: int
    seed: int

    def __post_init__(self) -> None:
        if not check_number("level", self.level, 0.0) < 1.0 or self.level == 0.0:
            raise ValueError(
                f"`level` must lie between 0 and 1, got {self.level!r}; "
                "0.95 gives a 95 % interval."
            )
        check_integer("n_bootstrap", self.n_bootstrap, 100)
        check_integer("seed", self.seed, 0)


class _PooledScores:
    """Bootstrap intervals from predictions; None where they cannot be had."""

    def __init__(
        self,
        predictions: pd.DataFrame | None,
        function: Score | None,
        settings: _Settings,
    ) -> None:
        self._function = function
        self._settings = settings
        self._tables: dict[Any, pd.DataFrame] = {}
        self._cache: dict[Any, GroupScores] = {}
        if predictions is not None and function is not None:
            self._tables = {
                model: predictions[predictions["model"].eq(model)]
                for model in predictions["model"].unique()
            }

    def single(self, model: Any, folds: pd.Index) -> Interval | None:
        """Give the interval of one model's score."""
        if not self._enough(model, folds):
            return None
        scores = self._scores(model, folds)
        return self._interval(scores, model, folds, symmetric=False)

    def difference(self, a: Any, b: Any, folds: pd.Index) -> Interval | None:
        """Give the interval of the score of A minus the score of B."""
        if not (self._enough(a, folds) and self._enough(b, folds)):
            return None
        check_same_rows(a, b, self._rows(a, folds), self._rows(b, folds))
        scores = self._scores(a, folds) - self._scores(b, folds)
        return self._interval(scores, a, folds, symmetric=True)

    def _enough(self, model: Any, folds: pd.Index) -> bool:
        if model not in self._tables or len(folds) == 0:
            return False
        return count_groups(self._rows(model, folds)) >= MIN_GROUPS

    def _rows(self, model: Any, folds: pd.Index) -> pd.DataFrame:
        table = self._tables[model]
        address = pd.MultiIndex.from_frame(table[["repeat", "fold"]])
        return table[address.isin(folds)]

    def _scores(self, model: Any, folds: pd.Index) -> GroupScores:
        key = (model, tuple(folds))
        if key not in self._cache:
            assert self._function is not None
            rows = self._rows(model, folds)
            self._cache[key] = group_scores(rows, self._function, self._settings.seed)
        return self._cache[key]

    def _interval(
        self, scores: GroupScores, model: Any, folds: pd.Index, *, symmetric: bool
    ) -> Interval:
        settings = self._settings
        lower, upper = bootstrap_interval(
            scores, settings.level, settings.n_bootstrap, settings.seed, symmetric
        )
        rows = self._rows(model, folds)
        kind = "groups" if has_groups(rows) else "rows"
        method = f"bootstrap over {count_groups(rows)} {kind}"
        return scores.estimate, lower, upper, method


def _named(interval: Interval) -> dict[str, Any]:
    return dict(zip(("difference", "lower", "upper", "method"), interval, strict=True))


def _fold_interval(test: CorrectedTest, level: float) -> Interval:
    """Give the interval of the corrected test; NaN from a single fold."""
    if np.isnan(test.scale):
        return test.mean, np.nan, np.nan, NO_INTERVAL
    reach = test.scale * float(stats.t.ppf(0.5 + level / 2.0, test.df))
    method = f"corrected t over {test.df + 1} folds"
    return test.mean, test.mean - reach, test.mean + reach, method


def _default_rope(pair: pd.DataFrame) -> float:
    return DEFAULT_ROPE * float(pair.abs().mean().mean())


def _sentence(row: dict[str, Any], level: float) -> str:
    """Say who is better, or that it is open, and what the interval says."""
    a, b = row["model_a"], row["model_b"]
    return f"{_verdict(a, b, row)} {_interval_sentence(row, level)}"


def _verdict(a: str, b: str, row: dict[str, Any]) -> str:
    better, equal, worse = row["p_better"], row["p_equal"], row["p_worse"]
    if np.isnan(better):
        return f"One fold cannot tell {a} from {b} by a test."
    if better >= CLEAR:
        return f"{a} is practically better than {b} (probability {better:.2f})."
    if worse >= CLEAR:
        return f"{a} is practically worse than {b} (probability {worse:.2f})."
    if equal >= CLEAR:
        return f"{a} and {b} are practically equal (probability {equal:.2f})."
    return (
        f"Undecided: {a} is better than {b} with probability {better:.2f}, practically "
        f"equal {equal:.2f}, worse {worse:.2f}."
    )


def _interval_sentence(row: dict[str, Any], level: float) -> str:
    if np.isnan(row["lower"]):
        return "There is no interval for the difference."
    zero = "includes" if row["lower"] <= 0.0 <= row["upper"] else "excludes"
    return (
        f"The {100 * level:g} % interval of the difference, {row['lower']:.3g} to "
        f"{row['upper']:.3g} ({row['method']}), {zero} zero."
    )
