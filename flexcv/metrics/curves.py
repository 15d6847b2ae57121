"""How well classes are told apart, as tables: ROC, calibration and confusion."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import sklearn.metrics as skm

from flexcv.arrays import BoolArray, FloatArray

from .classes import class_codes

NORMAL_QUANTILE = 1.959963984540054  # of 95 % intervals
N_BINS = 10


def roc_table(
    y_true: Any, probabilities: FloatArray, classes: Sequence[Any]
) -> pd.DataFrame:
    """Return the ROC curve of the last of two classes, or of each one of more.

    Parameters
    ----------
    y_true
        True classes, shape (n_rows,).
    probabilities
        A column per class, shape (n_rows, n_classes).
    classes
        All classes, sorted.

    Returns
    -------
    DataFrame
        A row per point: class, threshold, false_positive_rate, true_positive_rate. A
        class that no row has, or every row, has no curve.

    Examples
    --------
    >>> half = np.array([[0.9, 0.1], [0.2, 0.8]])
    >>> roc_table(["no", "yes"], half, ("no", "yes"))
      class  threshold  false_positive_rate  true_positive_rate
    0   yes        inf                  0.0                 0.0
    1   yes        0.8                  0.0                 1.0
    2   yes        0.1                  1.0                 1.0
    """
    frames = [
        _roc(label, is_class, score)
        for label, is_class, score in _against_rest(y_true, probabilities, classes)
        if 0 < is_class.sum() < len(is_class)
    ]
    columns = ["class", "threshold", "false_positive_rate", "true_positive_rate"]
    return _stacked(frames, columns)


def calibration_table(
    y_true: Any,
    probabilities: FloatArray,
    classes: Sequence[Any],
    n_bins: int = N_BINS,
) -> pd.DataFrame:
    r"""Compare probabilities with how often the class came, in bins of equal size.

    Parameters
    ----------
    y_true, probabilities, classes
        As in `roc_table`.
    n_bins
        The most bins; equal probabilities stay together.

    Returns
    -------
    DataFrame
        A row per bin: class, predicted (its mean probability), observed (the share of
        its rows that are of the class), lower, upper (Wilson's 95 % interval of the
        share), n_rows.

    Notes
    -----
    Wilson, E. B. (1927). Probable inference, the law of succession, and statistical
    inference. Journal of the American Statistical Association 22, 209-212. The
    interval takes rows as independent.
    """
    frames = [
        _calibration(label, is_class, score, n_bins)
        for label, is_class, score in _against_rest(y_true, probabilities, classes)
    ]
    columns = ["class", "predicted", "observed", "lower", "upper", "n_rows"]
    return _stacked(frames, columns)


def confusion_table(y_true: Any, y_pred: Any, classes: Sequence[Any]) -> pd.DataFrame:
    """Count the rows of each true class by the class that was predicted.

    Parameters
    ----------
    y_true, y_pred
        True and predicted classes, shape (n_rows,).
    classes
        All classes, sorted.

    Returns
    -------
    DataFrame
        A row per pair: actual, predicted, n_rows, share (of the true class; missing
        where no row has it).

    Examples
    --------
    >>> confusion_table(["a", "b", "b"], ["a", "a", "b"], ("a", "b"))
      actual predicted  n_rows  share
    0      a         a       1    1.0
    1      a         b       0    0.0
    2      b         a       1    0.5
    3      b         b       1    0.5
    """
    n_classes = len(classes)
    cells = class_codes(y_true, classes) * n_classes + class_codes(y_pred, classes)
    counts = np.bincount(cells, minlength=n_classes**2).reshape(n_classes, n_classes)
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(
        counts, totals, out=np.full(counts.shape, np.nan), where=totals > 0
    )
    names = [str(label) for label in classes]
    return pd.DataFrame(
        {
            "actual": np.repeat(names, n_classes),
            "predicted": np.tile(names, n_classes),
            "n_rows": counts.ravel(),
            "share": shares.ravel(),
        }
    )


def _against_rest(
    y_true: Any, probabilities: FloatArray, classes: Sequence[Any]
) -> Iterator[tuple[str, BoolArray, FloatArray]]:
    """Return each class to look at: its name, its rows and its probabilities."""
    codes = class_codes(y_true, classes)
    for place in [1] if len(classes) == 2 else range(len(classes)):
        yield str(classes[place]), codes == place, probabilities[:, place]


def _roc(label: str, is_class: BoolArray, score: FloatArray) -> pd.DataFrame:
    false_positive, true_positive, threshold = skm.roc_curve(is_class, score)
    return pd.DataFrame(
        {
            "class": label,
            "threshold": threshold,
            "false_positive_rate": false_positive,
            "true_positive_rate": true_positive,
        }
    )


def _calibration(
    label: str, is_class: BoolArray, score: FloatArray, n_bins: int
) -> pd.DataFrame:
    edges = np.unique(np.quantile(score, np.linspace(0, 1, n_bins + 1)[1:-1]))
    bins = np.searchsorted(edges, score, side="left")
    rows = pd.DataFrame({"bin": bins, "predicted": score, "observed": is_class})
    by_bin = rows.astype({"observed": float}).groupby("bin")
    table = by_bin.mean().assign(n_rows=by_bin.size())
    lower, upper = wilson_interval(table["observed"], table["n_rows"])
    table = table.assign(**{"class": label, "lower": lower, "upper": upper})
    columns = ["class", "predicted", "observed", "lower", "upper", "n_rows"]
    return table[columns].reset_index(drop=True)


def wilson_interval(share: Any, n_rows: Any) -> tuple[Any, Any]:
    r"""Return Wilson's 95 % interval of a share of independent rows.

    .. math:: \frac{\hat p + z^2/2n \pm z\sqrt{\hat p(1-\hat p)/n + z^2/4n^2}}
              {1 + z^2/n}

    Examples
    --------
    >>> [round(float(end), 3) for end in wilson_interval(0.5, 10)]
    [0.237, 0.763]
    """
    squared = NORMAL_QUANTILE**2 / n_rows
    centre = share + squared / 2.0
    reach = NORMAL_QUANTILE * np.sqrt(
        share * (1.0 - share) / n_rows + squared / (4.0 * n_rows)
    )
    return (centre - reach) / (1.0 + squared), (centre + reach) / (1.0 + squared)


def _stacked(frames: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    if not frames:
        return pd.DataFrame(columns=columns)
    return pd.concat(frames, ignore_index=True)
