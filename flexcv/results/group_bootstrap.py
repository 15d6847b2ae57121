"""Intervals from a bootstrap over whole groups of out-of-fold predictions.

The estimand is the score that the models of this run, one per fold, reach on many
new groups. Groups are drawn, not rows, because rows of a group err together.
`docs/performance/comparison.md` shows how often the intervals hold.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from flexcv.arrays import FloatArray, IntArray

Score = Callable[[Any, Any], float]

MIN_GROUPS = 8  # fewer do not show how scores spread
MAX_BLOCKS = 200  # more groups than this are merged at random into as many blocks
MAX_SWAPS = 4  # of many folds, an even choice of their models is enough
ROUNDING = 1e-16  # share of the variance that is no difference between groups
MIN_DISTINCT = 3  # a resample of fewer different groups has no standard error


@dataclass(frozen=True, slots=True, eq=False)
class GroupScores:
    """What each group adds to a score that is pooled over out-of-fold rows.

    Parameters
    ----------
    estimate
        The pooled score, averaged over repeats.
    by_group
        Score of each group, shape (n_groups,): for an average over rows the group's
        own average, otherwise the weighted pseudo-value.
    sizes
        Rows of each group, the weights of `by_group`.
    swaps
        For each repeat, how the score changes when one group is predicted by another
        model that saw it in training, shape (n_groups, n_swaps).
    n_models
        How many such models there are; no more than 4 of them are swapped in.
    """

    estimate: float
    by_group: FloatArray
    sizes: FloatArray
    swaps: tuple[FloatArray, ...]
    n_models: int

    def __sub__(self, other: GroupScores) -> GroupScores:
        """Return the scores of a difference, paired by group."""
        return GroupScores(
            self.estimate - other.estimate,
            self.by_group - other.by_group,
            self.sizes,
            tuple(a - b for a, b in zip(self.swaps, other.swaps, strict=True)),
            self.n_models,
        )


def group_scores(predictions: pd.DataFrame, function: Score, seed: int) -> GroupScores:
    """Score one model's out-of-fold predictions and each group's part in it.

    Parameters
    ----------
    predictions
        Rows of one model: repeat, fold, row, group, y_true, y_pred, part. Without
        group labels each row is a group.
    function
        Takes true and predicted values, gives a number.
    seed
        Decides which groups share a block when there are very many.

    Examples
    --------
    >>> rows = pd.DataFrame(
    ...     {
    ...         "repeat": 0,
    ...         "fold": [0, 0, 1],
    ...         "row": [0, 1, 2],
    ...         "group": ["a", "a", "b"],
    ...         "y_true": [1.0, 2.0, 3.0],
    ...         "y_pred": [2.0, 2.0, 1.0],
    ...         "part": "test",
    ...     }
    ... )
    >>> scores = group_scores(rows, lambda y, p: float(np.mean((y - p) ** 2)), seed=0)
    >>> round(scores.estimate, 3), scores.by_group.round(3).tolist()
    (1.667, [0.5, 4.0])
    """
    test = predictions[predictions["part"].eq("test")]
    codes, n_groups = _group_codes(test, seed)
    repeats = []
    for repeat in test["repeat"].unique():
        rows = test["repeat"].eq(repeat).to_numpy()
        of_repeat = predictions[predictions["repeat"].eq(repeat)]
        repeats.append(
            _repeat_scores(test[rows], of_repeat, codes[rows], n_groups, function)
        )
    return GroupScores(
        float(np.mean([part.estimate for part in repeats])),
        np.mean([part.by_group for part in repeats], axis=0),
        np.mean([part.sizes for part in repeats], axis=0),
        tuple(part.swaps[0] for part in repeats),
        min(part.n_models for part in repeats),
    )


def bootstrap_interval(
    scores: GroupScores,
    level: float,
    n_bootstrap: int,
    seed: int,
    symmetric: bool,
) -> tuple[float, float]:
    r"""Return lower and upper end of a bootstrap-t interval over groups.

    Parameters
    ----------
    scores
        Of one model, or of the difference of two.
    level
        Nominal coverage.
    n_bootstrap
        Number of resamples.
    seed
        Equal seeds give equal intervals.
    symmetric
        Whether both ends lie equally far from the estimate.

    Notes
    -----
    With group sizes :math:`n_g`, values :math:`m_g`, their weighted mean
    :math:`\hat\theta` and :math:`h_g = n_g / \sum n`, the squared standard error is

    .. math:: \frac{G-1}{G} \sum_g \Big(\frac{h_g (m_g - \hat\theta)}{1 - h_g}\Big)^2
              + \sum_g \frac{J-1}{J} \sum_{j=1}^{J} (d_{gj} - \bar d_g)^2 .

    The first term is the delete-one-group jackknife, which is the CR3 form of the
    cluster-robust variance. The second is the share of the learned models:
    :math:`d_{gj}` is how the score changes when group :math:`g` is predicted by the
    :math:`j`-th of the models that saw it in training, so that the sum is a
    delete-one-fold jackknife of the predictions. Errors of two groups are tied
    because each group trains the model that the other is scored with; the first term
    misses half of that product, and all of the spread of the difference between two
    models that learned the same thing is such a product. With two folds, without
    predictions of the training part, or where test groups were known, there is no
    second term.

    Resampled t statistics (Efron and Tibshirani 1993, section 12.5) give the
    quantiles. Equal tails are taken at :math:`\Phi(-t_{G-1,\alpha/2}\sqrt{G/(G-1)})`
    instead of :math:`\alpha/2`, the expansion for small samples of Hesterberg (2015);
    symmetric ones use the absolute value (Hall 1988) and need no expansion.

    References
    ----------
    - Busing, F., Meijer, E., van der Leeden, R. (1999). Delete-m jackknife for unequal
      m. Statistics and Computing 9, 3-8.
    - Efron, B., Tibshirani, R. (1993). An Introduction to the Bootstrap. Chapman and
      Hall.
    - Hall, P. (1988). On symmetric bootstrap confidence intervals. Journal of the Royal
      Statistical Society B 50, 35-45.
    - Hesterberg, T. (2015). What teachers should know about the bootstrap. The American
      Statistician 69, 371-386.
    """
    error = _standard_error(scores)
    rounding = np.finfo(float).eps * np.abs(scores.by_group).max()
    if not error > rounding:  # no spread, or a metric that is NaN
        return scores.estimate - error, scores.estimate + error
    if _sampling_variance(scores) < ROUNDING * error**2:
        # Groups do not differ, only the learned models do: nothing can be resampled.
        reach = error * float(stats.t.ppf(0.5 + level / 2.0, len(scores.by_group) - 1))
        return scores.estimate - reach, scores.estimate + reach
    statistics = _resampled_t(scores, n_bootstrap, np.random.default_rng(seed))
    if symmetric:
        reach = error * float(np.quantile(np.abs(statistics), level))
        return scores.estimate - reach, scores.estimate + reach
    tail = _expanded_tail(len(scores.by_group), 1.0 - level)
    low, high = np.quantile(statistics, [tail, 1.0 - tail])
    return scores.estimate - error * float(high), scores.estimate - error * float(low)


def count_groups(predictions: pd.DataFrame) -> int:
    """Count the groups of the test rows; rows, where there are no groups."""
    test = predictions[predictions["part"].eq("test")]
    return int(_units(test).nunique())


def has_groups(predictions: pd.DataFrame) -> bool:
    """Return whether predictions name the group of each row."""
    return "group" in predictions and bool(predictions["group"].notna().all())


def _units(test: pd.DataFrame) -> pd.Series[Any]:
    return test["group"] if has_groups(test) else test["row"]


def _group_codes(test: pd.DataFrame, seed: int) -> tuple[IntArray, int]:
    """Return each test row its group as a number; merge very many into blocks."""
    codes, labels = pd.factorize(_units(test), sort=True)
    if len(labels) <= MAX_BLOCKS:
        return codes, len(labels)
    blocks = np.random.default_rng(seed).permutation(len(labels)) % MAX_BLOCKS
    return blocks[codes], MAX_BLOCKS


def _repeat_scores(
    test: pd.DataFrame,
    of_repeat: pd.DataFrame,
    codes: IntArray,
    n_groups: int,
    function: Score,
) -> GroupScores:
    """Score one repeat: with every group, without each, and with each one swapped."""
    order = np.argsort(codes, kind="stable")
    sizes = np.bincount(codes, minlength=n_groups)
    stops = np.cumsum(sizes)
    y_true = test["y_true"].to_numpy()[order]
    y_pred = test["y_pred"].to_numpy()[order]
    others, n_models = _other_predictions(test, of_repeat)
    others = others[order]
    whole = float(function(y_true, y_pred))
    values = np.full(n_groups, whole)
    swaps = np.zeros((n_groups, others.shape[1]))
    for group in np.flatnonzero(sizes):
        rows = slice(stops[group] - sizes[group], stops[group])
        without = function(np.delete(y_true, rows), np.delete(y_pred, rows))
        weight = len(y_true) / sizes[group]
        # The delete-m jackknife of Busing, Meijer and van der Leeden (1999).
        values[group] = weight * whole - (weight - 1.0) * float(without)
        for number in range(others.shape[1]):
            swapped = y_pred.copy()
            swapped[rows] = others[rows, number]
            swaps[group, number] = float(function(y_true, swapped)) - whole
    return GroupScores(whole, values, sizes.astype(float), (swaps,), n_models)


def _other_predictions(
    test: pd.DataFrame, of_repeat: pd.DataFrame
) -> tuple[FloatArray, int]:
    """Predictions of each test row by models that had it in training; their number.

    Shape (n_rows, n_swaps); no columns when some row has fewer than two such models,
    or when groups were known: a model that had the row itself in training says
    nothing about how models differ on rows of a known group.
    """
    if "known_group" in test and bool(test["known_group"].fillna(False).any()):
        return np.empty((len(test), 0)), 0
    train = of_repeat[of_repeat["part"].eq("train")]
    by_row = train.sort_values(["row", "fold"], kind="stable")
    rows = by_row["row"].to_numpy()
    starts = np.searchsorted(rows, test["row"].to_numpy(), side="left")
    counts = np.searchsorted(rows, test["row"].to_numpy(), side="right") - starts
    n_others = int(counts.min())
    if n_others < 2:
        return np.empty((len(test), 0)), 0
    chosen = np.linspace(0, n_others - 1, min(n_others, MAX_SWAPS)).round().astype(int)
    places = starts[:, None] + chosen
    return np.asarray(by_row["y_pred"].to_numpy(dtype=float)[places]), n_others


def _standard_error(scores: GroupScores) -> float:
    learning = np.mean(
        [_learning_variance(swaps, scores.n_models) for swaps in scores.swaps]
    )
    return float(np.sqrt(_sampling_variance(scores) + learning))


def _sampling_variance(scores: GroupScores) -> float:
    """Delete-one-group jackknife."""
    n_groups = len(scores.by_group)
    share = scores.sizes / scores.sizes.sum()
    deviation = share * (scores.by_group - share @ scores.by_group) / (1.0 - share)
    return (n_groups - 1) / n_groups * float(deviation @ deviation)


def _learning_variance(swaps: FloatArray, n_models: int) -> float:
    """Delete-one-fold jackknife, from all models or an even choice of them."""
    if n_models == 0:
        return 0.0
    return float((n_models - 1) ** 2 / n_models * np.sum(swaps.var(axis=1, ddof=1)))


def _resampled_t(
    scores: GroupScores, n_bootstrap: int, rng: np.random.Generator
) -> FloatArray:
    """Studentised deviation of the weighted mean in each resample of groups."""
    n_groups = len(scores.by_group)
    drawn = rng.multinomial(n_groups, np.full(n_groups, 1 / n_groups), n_bootstrap)
    drawn = drawn[(drawn > 0).sum(axis=1) >= MIN_DISTINCT]
    sizes = scores.sizes
    values = scores.by_group - (sizes @ scores.by_group) / sizes.sum()
    n_rows = drawn @ sizes
    mean = (drawn @ (sizes * values)) / n_rows
    weighted = sizes**2
    squares = (
        drawn @ (weighted * values**2)
        - 2.0 * mean * (drawn @ (weighted * values))
        + mean**2 * (drawn @ weighted)
    )
    error = np.sqrt(squares * n_groups / (n_groups - 1)) / n_rows
    usable = error > np.sqrt(np.finfo(float).eps) * np.median(error)
    return np.asarray(mean[usable] / error[usable])


def _expanded_tail(n_groups: int, alpha: float) -> float:
    """Tail probability that allows for few groups: Hesterberg (2015)."""
    reach = stats.t.ppf(1.0 - alpha / 2.0, n_groups - 1)
    return float(stats.norm.cdf(-reach * np.sqrt(n_groups / (n_groups - 1))))
