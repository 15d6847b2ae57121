"""Intervals from a bootstrap over whole groups of out-of-fold predictions.

The estimand is the score that the models of this run, one per fold, reach on many
new groups. Groups are drawn, not rows, because rows of a group err together.
`docs/performance/comparison.md` shows how often the intervals hold.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from flexcv.arrays import FloatArray
from flexcv.metrics.limits import FREE

from .deleted import Deleted, Score, deleted_scores
from .scales import PLAIN, Scale

MIN_GROUPS = 8  # fewer do not show how scores spread
ROUNDING = 1e-16  # share of the variance that is no difference between groups
FEWEST_DRAWN = 50  # resamples with a standard error; quantiles of fewer are none
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
        own average, otherwise the weighted pseudo-value. On the scale.
    sizes
        Rows of each group, the weights of `by_group`.
    swaps
        For each repeat, how the score changes on the scale when one group is predicted
        by another model that saw it in training, shape (n_groups, n_swaps).
    n_models
        How many such models there are.
    scale
        That of all of it but `estimate`.
    centre
        The score on the scale, averaged over repeats; None is `estimate`.
    """

    estimate: float
    by_group: FloatArray
    sizes: FloatArray
    swaps: tuple[FloatArray, ...]
    n_models: int
    scale: Scale = PLAIN
    centre: float | None = None

    @property
    def middle(self) -> float:
        """The score on the scale."""
        return self.estimate if self.centre is None else self.centre

    def __sub__(self, other: GroupScores) -> GroupScores:
        """Return the scores of a difference, paired by group; both as they are."""
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
    predictions, function, seed
        As in `deleted_scores`.

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
    return on_scale(deleted_scores(predictions, function, seed), FREE)


def on_scale(repeats: Sequence[Deleted], limits: tuple[float, float]) -> GroupScores:
    """Return each group's part in a score, on the scale that suits its limits.

    Parameters
    ----------
    repeats
        Of `deleted_scores`.
    limits
        The least and the greatest value of the score; where it is there already, or
        outside, the score itself is the scale.
    """
    scale = Scale(limits, max(round(float(repeats[0].sizes.sum())), 1))
    if not all(scale.suits(r.whole, _known(r.without), r.swapped) for r in repeats):
        scale = PLAIN
    parts = [_on_scale(repeat, scale) for repeat in repeats]
    return GroupScores(
        float(np.mean([repeat.whole for repeat in repeats])),
        np.mean([part.by_group for part in parts], axis=0),
        np.mean([part.sizes for part in parts], axis=0),
        tuple(part.swaps[0] for part in parts),
        min(part.n_models for part in parts),
        scale,
        float(np.mean([part.estimate for part in parts])),
    )


def _on_scale(repeat: Deleted, scale: Scale) -> GroupScores:
    """Return the pseudo-values of one repeat (the delete-m jackknife)."""
    whole = float(scale.forward(repeat.whole))
    there = repeat.sizes > 0
    weight = repeat.sizes.sum() / repeat.sizes[there]
    values = np.full(len(repeat.sizes), whole)
    without = scale.forward(repeat.without[there])
    values[there] = weight * whole - (weight - 1.0) * without
    swaps = np.zeros_like(repeat.swapped)
    swaps[there] = scale.forward(repeat.swapped[there]) - whole
    return GroupScores(whole, values, repeat.sizes, (swaps,), repeat.n_models)


def _known(values: FloatArray) -> FloatArray:
    return values[~np.isnan(values)]


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
    middle = scores.middle
    t_reach = error * float(stats.t.ppf(0.5 + level / 2.0, len(scores.by_group) - 1))
    if not error > rounding:  # no spread, or a metric that is NaN
        return _ends(scores, middle - error, middle + error)
    if _sampling_variance(scores) < ROUNDING * error**2:
        # Groups do not differ, only the learned models do: nothing can be resampled.
        return _ends(scores, middle - t_reach, middle + t_reach)
    statistics = _resampled_t(scores, n_bootstrap, seed)
    if len(statistics) < FEWEST_DRAWN:
        return _ends(scores, middle - t_reach, middle + t_reach)
    if symmetric:
        reach = error * float(np.quantile(np.abs(statistics), level))
        return _ends(scores, middle - reach, middle + reach)
    tail = _expanded_tail(len(scores.by_group), 1.0 - level)
    low, high = np.quantile(statistics, [tail, 1.0 - tail])
    return _ends(scores, middle - error * float(high), middle - error * float(low))


def _ends(scores: GroupScores, lower: float, upper: float) -> tuple[float, float]:
    """Turn ends on the scale into scores."""
    low, high = scores.scale.back([lower, upper])
    return float(low), float(high)


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


@functools.lru_cache(maxsize=2)
def _drawn(n_groups: int, n_bootstrap: int, seed: int) -> FloatArray:
    """Draw how often each group is in each resample, shape (n_resamples, n_groups).

    All models and pairs of a table share them.
    """
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(n_groups, np.full(n_groups, 1 / n_groups), n_bootstrap)
    are_enough = (drawn > 0).sum(axis=1) >= MIN_DISTINCT
    kept: FloatArray = drawn[are_enough].astype(np.float64)
    kept.flags.writeable = False
    return kept


def _resampled_t(scores: GroupScores, n_bootstrap: int, seed: int) -> FloatArray:
    """Studentised deviation of the weighted mean in each resample of groups."""
    n_groups = len(scores.by_group)
    sizes = scores.sizes
    values = scores.by_group - (sizes @ scores.by_group) / sizes.sum()
    weighted = sizes**2
    columns = (
        sizes,
        sizes * values,
        weighted * values**2,
        weighted * values,
        weighted,
    )
    sums = _drawn(n_groups, n_bootstrap, seed) @ np.column_stack(columns)
    n_rows, total, square, product, weight = sums.T
    mean = total / n_rows
    squares = square - 2.0 * mean * product + mean**2 * weight
    # Squares of tied groups are zero; by subtraction they may be a little less.
    squares = np.maximum(squares, 0.0)
    error = np.sqrt(squares * n_groups / (n_groups - 1)) / n_rows
    if not error.any():
        return np.zeros(0)
    usable = error > np.sqrt(np.finfo(float).eps) * np.median(error[error > 0.0])
    return np.asarray(mean[usable] / error[usable])


def _expanded_tail(n_groups: int, alpha: float) -> float:
    """Tail probability that allows for few groups: Hesterberg (2015)."""
    reach = stats.t.ppf(1.0 - alpha / 2.0, n_groups - 1)
    return float(stats.norm.cdf(-reach * np.sqrt(n_groups / (n_groups - 1))))
