"""Scores of groups by how many of their rows are known."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from ._axes import INK, axes_or_new, check_columns, colour, models_of, spread

ROOM = 0.15  # of the height, for the names of models
WIDTH = 0.015  # of the range of numbers: how far models stand aside


def plot_known_rows(
    curve: pd.DataFrame, metric: str = "score", ax: Axes | None = None
) -> Axes:
    """Draw each model's score over the number of known rows, with its interval.

    Parameters
    ----------
    curve
        Columns model, known_rows, score, lower and upper.
    metric
        What the score is called.
    ax
        Axes to draw on; new ones by default.

    Examples
    --------
    >>> curve = pd.DataFrame(
    ...     {
    ...         "model": "LMM",
    ...         "known_rows": [0, 1, 2],
    ...         "score": [9.0, 5.0, 4.0],
    ...         "lower": [7.0, 4.0, 3.0],
    ...         "upper": [11.0, 6.0, 5.0],
    ...     }
    ... )
    >>> plot_known_rows(curve, "mse").get_ylabel()
    'mse'
    """
    columns = ["model", "known_rows", "score", "lower", "upper"]
    check_columns("curve", curve, columns)
    ax = axes_or_new(ax)
    models = models_of(curve)
    aside = spread(len(models), WIDTH * float(np.ptp(curve["known_rows"])))
    for place, model in enumerate(models):
        own = curve[curve["model"].eq(model)]
        at, shade = own["known_rows"].to_numpy() + aside[place], colour(place)
        ax.vlines(at, own["lower"], own["upper"], color=shade, alpha=0.5, linewidth=2)
        ax.plot(at, own["score"], "o-", color=shade, markersize=5, label=model)
    ax.set_xlabel("known rows of a new group")
    ax.set_ylabel(metric)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + ROOM * (high - low))
    shown = ax.legend(
        loc="upper right", ncols=min(len(models), 3), frameon=False, labelcolor=INK
    )
    for text in shown.get_texts():
        text.set_fontsize("small")
    return ax
