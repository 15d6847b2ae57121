"""Curves of subjects and of the clusters they belong to."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from ._axes import add_legend, axes_or_new, check_columns, colour

MANY_CURVES = 60  # from here on single curves are drawn fainter


def plot_trajectories(
    curves: pd.DataFrame, clusters: pd.DataFrame | None = None, ax: Axes | None = None
) -> Axes:
    """Draw each subject's curve, and each cluster's mean with its range.

    Parameters
    ----------
    curves
        One row per subject and time: subject, cluster, time, mean.
    clusters
        One row per cluster and time: cluster, weight, time, mean, lower, upper.
    ax
        Axes to draw on; new ones by default.

    Examples
    --------
    >>> curves = pd.DataFrame(
    ...     {"subject": "a", "cluster": 0, "time": [0.0, 1.0], "mean": [1.0, 2.0]}
    ... )
    >>> len(plot_trajectories(curves).lines)
    1
    """
    check_columns("curves", curves, ["subject", "cluster", "time", "mean"])
    ax = axes_or_new(ax)
    subjects = curves.groupby("subject", sort=False, observed=True)
    faint = 0.15 if subjects.ngroups > MANY_CURVES else 0.4
    for _, curve in subjects:
        shade = colour(int(curve["cluster"].iloc[0]))
        ax.plot(curve["time"], curve["mean"], color=shade, alpha=faint, linewidth=0.8)
    names = [] if clusters is None else _draw_clusters(clusters, ax)
    ax.set_xlabel("time")
    ax.set_ylabel("curve")
    add_legend(ax, names)
    return ax


def _draw_clusters(clusters: pd.DataFrame, ax: Axes) -> list[str]:
    """Draw means and ranges and give the clusters' labels."""
    columns = ["cluster", "weight", "time", "mean", "lower", "upper"]
    check_columns("clusters", clusters, columns)
    names = []
    for number, part in clusters.groupby("cluster", sort=True, observed=True):
        shade = colour(int(str(number)))
        names.append(f"cluster {number} ({part['weight'].iloc[0]:.0%})")
        ax.fill_between(
            part["time"], part["lower"], part["upper"], color=shade, alpha=0.12, lw=0
        )
        ax.plot(part["time"], part["mean"], color=shade, linewidth=2.5, label=names[-1])
    return names
