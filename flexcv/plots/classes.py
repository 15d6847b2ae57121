"""Predicted classes and their probabilities: ROC, calibration and confusion."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

from ._axes import (
    COLOURS,
    INK,
    add_legend,
    axes_or_new,
    check_columns,
    colour,
    marker,
    pick,
)

LIGHT, LETTERS = "#eef4fa", "#1e1e1e"  # a cell of no rows; letters on any cell
SIZE = 4.4  # inches; these pictures are square


def plot_roc(curves: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw ROC curves: a line per model and class, and the line of guessing.

    Parameters
    ----------
    curves
        A row per point: class, false_positive_rate, true_positive_rate, and `model`
        where there are several.
    ax
        Axes to draw on; new ones by default.

    Examples
    --------
    >>> points = {"false_positive_rate": [0, 0, 1], "true_positive_rate": [0, 0.8, 1]}
    >>> ax = plot_roc(pd.DataFrame({"class": "yes", **points}))
    >>> ax.get_ylabel()
    "share of 'yes' found"
    """
    columns = ["class", "false_positive_rate", "true_positive_rate"]
    check_columns("curves", curves, columns)
    ax = axes_or_new(ax, height=SIZE, width=SIZE)
    _diagonal(ax)
    names = []
    for number, (name, part) in enumerate(_lines(curves)):
        ax.plot(
            part["false_positive_rate"].to_numpy(),
            part["true_positive_rate"].to_numpy(),
            color=colour(number),
            linewidth=1.8,
            label=name,
        )
        names.append(name)
    one = _only_class(curves)
    ax.set_xlabel("share of the others taken for it")
    ax.set_ylabel(f"share of {one!r} found" if one else "share of the class found")
    add_legend(ax, names)
    return ax


def plot_calibration(bins: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw how often a class came over the probability it was given, with intervals.

    Points on the dashed line are honest probabilities.

    Parameters
    ----------
    bins
        A row per bin: class, predicted, observed, lower, upper, and `model` where
        there are several.
    ax
        Axes to draw on; new ones by default.

    Examples
    --------
    >>> bins = {"predicted": [0.2, 0.8], "observed": [0.3, 0.7]}
    >>> ends = {"lower": [0.2, 0.6], "upper": [0.4, 0.8]}
    >>> plot_calibration(pd.DataFrame({"class": "yes", **bins, **ends})).get_xlabel()
    "probability of 'yes'"
    """
    columns = ["class", "predicted", "observed", "lower", "upper"]
    check_columns("bins", bins, columns)
    ax = axes_or_new(ax, height=SIZE, width=SIZE)
    _diagonal(ax)
    names = []
    for number, (name, part) in enumerate(_lines(bins)):
        x = part["predicted"].to_numpy()
        ax.vlines(x, part["lower"], part["upper"], color=colour(number), alpha=0.5)
        ax.plot(
            x,
            part["observed"].to_numpy(),
            marker=marker(number),
            color=colour(number),
            linewidth=1.2,
            markersize=5,
            label=name,
        )
        names.append(name)
    one = _only_class(bins)
    ax.set_xlabel(f"probability of {one!r}" if one else "probability of the class")
    ax.set_ylabel(
        f"share of rows that are {one!r}" if one else "share of rows that are"
    )
    add_legend(ax, names)
    return ax


def plot_confusion(
    counts: pd.DataFrame, model: str | None = None, ax: Axes | None = None
) -> Axes:
    """Draw how the rows of each true class were predicted, with counts.

    A cell is as blue as its share of the true class is large.

    Parameters
    ----------
    counts
        A row per pair of classes: actual, predicted, n_rows, share, and `model` where
        there are several.
    model
        One model; the first by default.
    ax
        Axes to draw on; new ones by default.

    Examples
    --------
    >>> pairs = {"actual": ["a", "a", "b", "b"], "predicted": ["a", "b", "a", "b"]}
    >>> counted = {"n_rows": [3, 1, 0, 4], "share": [0.75, 0.25, 0.0, 1.0]}
    >>> ax = plot_confusion(pd.DataFrame({**pairs, **counted}))
    >>> [text.get_text() for text in ax.texts]
    ['3', '1', '0', '4']
    """
    check_columns("counts", counts, ["actual", "predicted", "n_rows", "share"])
    if "model" in counts:
        counts = pick("model", counts, "model", model)
    labels = list(dict.fromkeys(counts["actual"]))
    shape = (len(labels), len(labels))
    share = counts["share"].fillna(0.0).to_numpy(dtype=float).reshape(shape)
    numbers = counts["n_rows"].to_numpy().reshape(shape)
    ax = axes_or_new(ax, height=SIZE, width=SIZE)
    blues = LinearSegmentedColormap.from_list("share", [LIGHT, COLOURS[0]])
    ax.imshow(share, cmap=blues, vmin=0.0, vmax=1.0)
    for row, column in np.ndindex(*shape):
        text = str(numbers[row, column])
        ax.text(column, row, text, ha="center", va="center", color=LETTERS)
    ax.set_xticks(range(len(labels)), labels)
    ax.set_yticks(range(len(labels)), labels)
    ax.set_xlabel("predicted")
    ax.set_ylabel("actual")
    return ax


def _lines(frame: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Return each line with its name: the model, the class, or both, as they differ."""
    frame = frame if "model" in frame else frame.assign(model="")
    has_models, has_classes = (len(set(frame[n])) > 1 for n in ("model", "class"))
    for (model, label), part in frame.groupby(
        ["model", "class"], sort=False, observed=True
    ):
        names = [str(model)] if has_models or not has_classes else []
        names += [str(label)] if has_classes else []
        yield ", ".join(names), part


def _only_class(frame: pd.DataFrame) -> Any:
    labels = frame["class"].unique()
    return str(labels[0]) if len(labels) == 1 else None


def _diagonal(ax: Axes) -> None:
    ax.plot([0, 1], [0, 1], linestyle="--", color=INK, linewidth=1.0, zorder=0)
    ax.set_xlim(-0.02, 1.02)
    ax.set_ylim(-0.02, 1.02)
    ax.set_aspect("equal")
