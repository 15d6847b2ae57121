"""What each feature adds to each prediction."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

from flexcv.arrays import FloatArray

from ._axes import (
    add_note,
    axes_or_new,
    check_columns,
    colour,
    name_rows,
    rows_height,
    zero_line,
)

LOW_TO_HIGH = LinearSegmentedColormap.from_list("low to high", [colour(0), colour(1)])
N_BINS = 40  # points in the same bin of a row are stacked


def plot_attributions(
    attributions: pd.DataFrame, max_features: int = 15, ax: Axes | None = None
) -> Axes:
    """Draw a beeswarm: a row per feature, a point per prediction.

    Blue is a low and orange a high value of the feature.

    Parameters
    ----------
    attributions
        One row per feature and prediction: feature, value, shap.
    max_features
        With more features, those with the largest mean size are shown.
    ax
        Axes to draw on; new ones by default.

    Examples
    --------
    >>> attributions = pd.DataFrame(
    ...     {
    ...         "feature": ["age", "age", "dose", "dose"],
    ...         "value": [30.0, 60.0, 1.0, 2.0],
    ...         "shap": [-0.1, 0.1, -2.0, 2.0],
    ...     }
    ... )
    >>> ax = plot_attributions(attributions)
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['dose', 'age']
    """
    check_columns("attributions", attributions, ["feature", "value", "shap"])
    sizes = attributions["shap"].abs().groupby(attributions["feature"]).mean()
    shown = sizes.sort_values(ascending=False, kind="stable").head(max_features)
    ax = axes_or_new(ax, rows_height(len(shown)) + 0.6)
    width = float(attributions["shap"].abs().max()) or 1.0
    for row, feature in enumerate(shown.index):
        rows = attributions[attributions["feature"].eq(feature)]
        values = rows["shap"].to_numpy(dtype=float)
        ax.scatter(
            values,
            row + _stacked(values, width),
            c=_shares(rows["value"].to_numpy(dtype=float)),
            cmap=LOW_TO_HIGH,
            vmin=0.0,
            vmax=1.0,
            s=9,
            alpha=0.7,
            linewidths=0,
        )
    zero_line(ax)
    name_rows(ax, list(shown.index))
    ax.set_xlabel("SHAP value")
    add_note(ax, "blue: low value, orange: high value")
    return ax


def _shares(values: FloatArray) -> FloatArray:
    """Return each value's rank from 0 to 1; equal values are alike."""
    ranks = pd.Series(values).rank(method="average", pct=True)
    return np.asarray(ranks.fillna(0.5), dtype=float)


def _stacked(values: FloatArray, width: float) -> FloatArray:
    """Return heights that keep points of a row apart where they are dense."""
    bins = np.floor(values / width * N_BINS).astype(int)
    place = pd.Series(bins).groupby(bins).cumcount().to_numpy()
    counts = pd.Series(bins).groupby(bins).transform("size").to_numpy()
    most = max(int(counts.max(initial=1)) - 1, 1)
    side = np.where(place % 2 == 0, 1.0, -1.0) * np.ceil(place / 2.0)
    return np.asarray(0.8 * side / most)
