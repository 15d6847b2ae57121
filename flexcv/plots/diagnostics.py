"""What a linear fit leaves over: spread, normality and influence of its residuals."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ._axes import INK, MANY_POINTS, axes_or_new, check_columns, colour

COOK_LEVELS = (0.5, 1.0)  # contours of Cook's distance
N_NAMED = 3  # rows with the largest Cook's distance are named


def plot_residuals(residuals: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw residuals over fitted values, with a running mean.

    Parameters
    ----------
    residuals
        A row per row of the fit: fitted, residual.
    ax
        Axes to draw on; new ones by default.

    Examples
    --------
    >>> fit = pd.DataFrame({"fitted": [1.0, 2.0], "residual": [0.1, -0.1]})
    >>> plot_residuals(fit).get_ylabel()
    'residual'
    """
    check_columns("residuals", residuals, ["fitted", "residual"])
    ax = _scatter(residuals, "fitted", "residual", ax)
    ax.axhline(0.0, linestyle="--", color=INK, linewidth=1.0, zorder=0)
    _running_mean(ax, residuals["fitted"], residuals["residual"])
    return ax


def plot_quantiles(quantiles: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw standardised residuals over the quantiles of the normal distribution.

    Parameters
    ----------
    quantiles
        A row per row of the fit: normal_quantile, standardised.
    ax
        Axes to draw on; new ones by default.

    Examples
    --------
    >>> fit = pd.DataFrame({"normal_quantile": [-1.0, 1.0], "standardised": [-0.9, 1]})
    >>> plot_quantiles(fit).get_xlabel()
    'normal quantile'
    """
    check_columns("quantiles", quantiles, ["normal_quantile", "standardised"])
    ax = _scatter(quantiles, "normal_quantile", "standardised", ax)
    ax.axline((0.0, 0.0), slope=1.0, linestyle="--", color=INK, linewidth=1.0, zorder=0)
    ax.set_xlabel("normal quantile")
    ax.set_ylabel("standardised residual")
    return ax


def plot_scale_location(spread: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw the size of residuals over fitted values, with a running mean.

    Where the line rises, so does the variance.

    Parameters
    ----------
    spread
        A row per row of the fit: fitted, root_residual (the square root of the
        standardised residual's size).
    ax
        Axes to draw on; new ones by default.

    Examples
    --------
    >>> fit = pd.DataFrame({"fitted": [1.0, 2.0], "root_residual": [0.4, 1.2]})
    >>> plot_scale_location(fit).get_xlabel()
    'fitted'
    """
    check_columns("spread", spread, ["fitted", "root_residual"])
    ax = _scatter(spread, "fitted", "root_residual", ax)
    _running_mean(ax, spread["fitted"], spread["root_residual"])
    ax.set_ylabel("root of |standardised residual|")
    return ax


def plot_leverage(influence: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw standardised residuals over leverage, with contours of Cook's distance.

    The rows with the largest distances are named.

    Parameters
    ----------
    influence
        A row per row of the fit: row, leverage, standardised, cooks_distance,
        n_coefficients.
    ax
        Axes to draw on; new ones by default.

    Examples
    --------
    >>> fit = pd.DataFrame(
    ...     {
    ...         "row": [7, 9],
    ...         "leverage": [0.1, 0.5],
    ...         "standardised": [0.3, 2.0],
    ...         "cooks_distance": [0.01, 1.3],
    ...         "n_coefficients": 2,
    ...     }
    ... )
    >>> [text.get_text() for text in plot_leverage(fit).texts]
    ['9', '7']
    """
    columns = ["row", "leverage", "standardised", "cooks_distance", "n_coefficients"]
    check_columns("influence", influence, columns)
    ax = _scatter(influence, "leverage", "standardised", ax)
    ax.axhline(0.0, linestyle="--", color=INK, linewidth=1.0, zorder=0)
    _cook_contours(ax, influence)
    largest = influence.nlargest(N_NAMED, "cooks_distance")
    named = largest[["row", "leverage", "standardised"]]
    for row, leverage, residual in named.itertuples(index=False):
        ax.annotate(
            str(row),
            (leverage, residual),
            xytext=(4, 4),
            textcoords="offset points",
            color=ax.xaxis.label.get_color(),
            fontsize="small",
        )
    ax.set_ylabel("standardised residual")
    return ax


def _scatter(frame: pd.DataFrame, x: str, y: str, ax: Axes | None) -> Axes:
    ax = axes_or_new(ax)
    ax.plot(
        frame[x].to_numpy(),
        frame[y].to_numpy(),
        "o",
        color=colour(0),
        alpha=0.5 if len(frame) < MANY_POINTS else 0.25,
        markersize=4,
        markeredgewidth=0,
        rasterized=len(frame) >= MANY_POINTS,
    )
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    return ax


def _running_mean(ax: Axes, x: pd.Series, y: pd.Series) -> None:
    """Draw the mean of neighbours in x, a fifth of the rows at a time."""
    order = np.argsort(x.to_numpy(), kind="stable")
    width = max(len(order) // 5, 3)
    if len(order) < 2 * width:
        return
    kernel = np.ones(width) / width
    means = [np.convolve(v.to_numpy()[order], kernel, mode="valid") for v in (x, y)]
    ax.plot(*means, color=colour(1), linewidth=1.5)


def _cook_contours(ax: Axes, influence: pd.DataFrame) -> None:
    """Draw where Cook's distance is 0.5 and 1, inside what the points span."""
    n_coefficients = float(influence["n_coefficients"].iloc[0])
    x_range, y_range = ax.get_xlim(), ax.get_ylim()
    low = max(x_range[1] / 200.0, 1e-6)
    leverage = np.linspace(low, min(x_range[1], 0.999), 200)
    for level in COOK_LEVELS:
        height = np.sqrt(level * n_coefficients * (1.0 - leverage) / leverage)
        for sign in (1.0, -1.0):
            ax.plot(leverage, sign * height, ":", color=INK, linewidth=1.0)
    ax.set_xlim(x_range)
    ax.set_ylim(y_range)
