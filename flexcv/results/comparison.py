"""Honest uncertainty of scores and of differences between models.

Pure functions of the tidy frames `scores` and `predictions`. Two views stand side by
side: tests over folds, corrected for training sets that overlap, and a bootstrap over
whole groups, which is the interval to trust when groups are the unit.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from flexcv._checks import check_flag, check_number
from flexcv.arrays import FloatArray
from flexcv.metrics.limits import FREE

from ._wording import counted, sentence
from .aligned import (
    by_model,
    check_same_folds,
    fold_scores,
    held_out_ratio,
)
from .fold_tests import CorrectedTest, corrected_t_test, practical_probabilities
from .pooled import BootstrapSettings, Interval, PooledScores
from .scales import Scale

Score = Callable[[Any, Any], float]

INTERVAL_COLUMNS = ["mean", "pooled", "lower", "upper", "method"]
PAIR_COLUMNS = [
    "model_a",
    "model_b",
    "sentence",
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
]
INSIDE = 10**9  # rows that keep a mean over folds off its limits, and change it not
DEFAULT_ROPE = 0.01  # share of the mean absolute score of the two models
NO_INTERVAL = "none: fewer than two folds and too few groups"
NO_SCORE = "none: no fold has a score"


def pairwise_comparison(
    scores: pd.DataFrame,
    predictions: pd.DataFrame | None,
    metric: str,
    *,
    greater_is_better: bool,
    function: Score | None = None,
    is_partial: bool = False,
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
    is_partial
        Whether the run stopped early, so that models may have unlike folds; each pair
        is then compared on the folds that both have.
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
        - `model_a`, `model_b`, `sentence`: who, and the answer in words
        - `n_folds`: on how many folds both were scored
        - `difference`, `lower`, `upper`, `method`: score of A minus score of B, with
          its interval, from predictions pooled over folds and averaged over repeats
        - `fold_difference`, `t`, `df`, `p_value`: unweighted mean over folds and the
          corrected resampled t-test (not adjusted for the number of pairs)
        - `rope`, `p_better`, `p_equal`, `p_worse`: the Bayesian correlated t-test;
          better means that A is better than B by more than the rope

    Notes
    -----
    Folds that either model did not predict are left out for that pair, and from the
    tests those where its score is NaN. Models of a finished run that were not scored
    on the same folds and rows are refused. From one fold there is no test,
    only the bootstrap. With fewer than 8 groups, or without predictions, the interval
    is the one of the corrected test.

    See Also
    --------
    score_intervals : One interval per model.

    Examples
    --------
    >>> scores = pd.DataFrame(
    ...     {
    ...         "model": ["LMM"] * 5 + ["OLS"] * 5,
    ...         "repeat": 0,
    ...         "fold": [0, 1, 2, 3, 4] * 2,
    ...         "part": "test",
    ...         "metric": "r2",
    ...         "value": [0.6, 0.5, 0.7, 0.6, 0.6, 0.2, 0.1, 0.2, 0.3, 0.2],
    ...     }
    ... )
    >>> pairs = pairwise_comparison(scores, None, "r2", greater_is_better=True)
    >>> pairs[["difference", "lower", "upper", "p_value"]].round(3)
       difference  lower  upper  p_value
    0         0.4  0.268  0.532    0.001
    >>> print(pairs["sentence"][0])
    LMM is better than OLS by 0.4 (95 % interval 0.268 to 0.532, corrected t over 5
    folds). By the folds, LMM is better by more than 0.004 with probability 1.00.
    """
    check_flag("greater_is_better", greater_is_better)
    settings = BootstrapSettings(level, n_bootstrap, seed)
    if rope is not None:
        check_number("rope", rope, 0.0)
    folds = fold_scores(scores, predictions, metric, function)
    if not is_partial:
        check_same_folds(folds)
    wide = by_model(folds)
    ratio = held_out_ratio(predictions, wide)
    pooled = PooledScores(predictions, function, settings)
    rows = []
    values = {model: wide[model].to_numpy(dtype=float) for model in wide}
    for a, b in combinations(wide.columns, 2):
        pair = np.column_stack([values[a], values[b]])
        pair = pair[~np.isnan(pair).any(axis=1)]
        test = corrected_t_test((pair[:, 0] - pair[:, 1]).tolist(), ratio)
        width = _default_rope(pair) if rope is None else rope
        row = {
            "model_a": a,
            "model_b": b,
            "n_folds": len(pair),
            **_named(pooled.difference(a, b) or _fold_interval(test, level)),
            **_test_columns(test, width, greater_is_better),
        }
        said = sentence(row, level, greater_is_better, len(wide))
        rows.append({**row, "sentence": said})
    return pd.DataFrame(rows, columns=PAIR_COLUMNS)


def score_intervals(
    scores: pd.DataFrame,
    predictions: pd.DataFrame | None,
    metric: str,
    *,
    function: Score | None = None,
    limits: tuple[float, float] = FREE,
    level: float = 0.95,
    n_bootstrap: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Return each model's score with an interval.

    Parameters
    ----------
    scores, predictions, metric, function, level, n_bootstrap, seed
        As in `pairwise_comparison`.
    limits
        The least and the greatest value of the score. The interval is built on the
        scale that suits them (`flexcv.results.scales`) and ends within them.

    Returns
    -------
    DataFrame indexed by model
        Columns `mean` (over folds), `pooled` (the score of all out-of-fold rows
        together, averaged over repeats, which for a ratio like r2 is another number),
        `lower`, `upper` and `method`. An interval from a bootstrap is that of `pooled`;
        from folds it is that of `mean`, and `pooled` is NaN. Folds without a score,
        because the model failed or the metric has no value there, are left out and
        counted in `method`; a model without any has NaN.

    Examples
    --------
    >>> scores = pd.DataFrame(
    ...     {
    ...         "model": "OLS",
    ...         "repeat": 0,
    ...         "fold": [0, 1, 2, 3, 4],
    ...         "part": "test",
    ...         "metric": "r2",
    ...         "value": [0.2, 0.1, 0.2, 0.3, 0.2],
    ...     }
    ... )
    >>> score_intervals(scores, None, "r2").round(3)
           mean  pooled  lower  upper                    method
    model
    OLS     0.2     NaN  0.068  0.332  corrected t over 5 folds
    """
    settings = BootstrapSettings(level, n_bootstrap, seed)
    wide = by_model(fold_scores(scores, predictions, metric, function))
    ratio = held_out_ratio(predictions, wide)
    pooled = PooledScores(predictions, function, settings, limits)
    rows = {}
    for model in wide:
        done = wide[model].dropna()
        test = corrected_t_test(done.tolist(), ratio)
        interval = pooled.single(model)
        n_done = len(pooled.folds(model)) if interval else len(done)
        value = np.nan if interval is None else interval[0]
        interval = interval or _fold_interval(test, level, limits)
        if done.empty:
            interval = (*interval[:3], NO_SCORE)
        else:
            interval = _say_left_out(interval, len(wide) - n_done)
        _, *rest = interval
        rows[model] = (float(np.mean(done)) if len(done) else np.nan, value, *rest)
    table = pd.DataFrame.from_dict(rows, orient="index", columns=INTERVAL_COLUMNS)
    return table.rename_axis("model")


def interval_centres(intervals: pd.DataFrame) -> pd.Series[float]:
    """Return what each interval is about: the pooled score, or the mean over folds.

    Parameters
    ----------
    intervals
        Of `score_intervals`.
    """
    return intervals["pooled"].fillna(intervals["mean"])


def _named(interval: Interval) -> dict[str, Any]:
    return dict(zip(("difference", "lower", "upper", "method"), interval, strict=True))


def _test_columns(
    test: CorrectedTest, rope: float, greater_is_better: bool
) -> dict[str, Any]:
    above, equal, below = practical_probabilities(test, rope)
    return {
        "fold_difference": test.mean,
        "t": test.t,
        "df": test.df,
        "p_value": test.p_value,
        "rope": rope,
        "p_better": above if greater_is_better else below,
        "p_equal": equal,
        "p_worse": below if greater_is_better else above,
    }


def _fold_interval(
    test: CorrectedTest, level: float, limits: tuple[float, float] = FREE
) -> Interval:
    """Return the interval of the corrected test; NaN from a single fold.

    On a scale the standard error is multiplied by the scale's slope at the mean.
    """
    if np.isnan(test.scale):
        return test.mean, np.nan, np.nan, NO_INTERVAL
    scale = Scale(limits, INSIDE)
    slope = scale.slope(test.mean)
    if not np.isfinite(slope):
        scale, slope = Scale(), 1.0
    reach = slope * test.scale * float(stats.t.ppf(0.5 + level / 2.0, test.df))
    middle = float(scale.forward(test.mean))
    lower, upper = scale.back([middle - reach, middle + reach])
    method = f"{scale.label}corrected t over {test.df + 1} folds"
    return test.mean, float(lower), float(upper), method


def _say_left_out(interval: Interval, n_left_out: int) -> Interval:
    """Add to the method how many folds have no score and are left out."""
    if n_left_out == 0:
        return interval
    mean, lower, upper, method = interval
    return mean, lower, upper, f"{method}; {counted(n_left_out, 'fold')} without score"


def _default_rope(pair: FloatArray) -> float:
    return DEFAULT_ROPE * float(np.abs(pair).mean()) if len(pair) else float("nan")
