"""How one fit moved from iteration to iteration."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from ._axes import INK, row_or_new

NOT_COMPONENTS = frozenset(
    [
        "iteration",
        "loglik",
        "gll",
        "train_loss",
        "sigma2",
        "trace_d",
        "logdet_d",
        "change",
        "alpha",
        "selected",
        "validation_loss",
        "learner_seconds",
        "effects_seconds",
    ]
)


def plot_iterations(
    trace: pd.DataFrame, axes: Sequence[Axes] | None = None
) -> list[Axes]:
    """Draw likelihood, variance components and change, and the validation loss if any.

    Parameters
    ----------
    trace
        A row per iteration, indexed by it: loglik, sigma2, one column per variance
        component, change, validation_loss.
    axes
        As many axes as pictures, three or four; new ones by default.

    Examples
    --------
    >>> import numpy as np
    >>> trace = pd.DataFrame(
    ...     {"loglik": [-9.0, -8.0], "sigma2": [2.0, 1.0], "change": [np.nan, 0.1]},
    ...     index=[1, 2],
    ... )
    >>> [ax.get_ylabel() for ax in plot_iterations(trace)]
    ['log-likelihood', 'variance', 'relative change']
    """
    validated = "validation_loss" in trace and trace["validation_loss"].notna().any()
    pictures = [_likelihood, _variances, _change, *([_loss] if validated else [])]
    shown = row_or_new(axes, len(pictures))
    for ax, draw in zip(shown, pictures, strict=False):
        draw(trace, ax)
        ax.set_xlabel("iteration")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    return shown


def _likelihood(trace: pd.DataFrame, ax: Axes) -> None:
    ax.plot(trace.index, trace["loglik"], marker="o", markersize=3)
    ax.set_ylabel("log-likelihood")


def _variances(trace: pd.DataFrame, ax: Axes) -> None:
    names = [name for name in trace.columns if name not in NOT_COMPONENTS]
    shown = [name for name in [*names, "sigma2"] if trace[name].notna().any()]
    for name in shown:
        label = "residual" if name == "sigma2" else str(name)
        ax.plot(trace.index, trace[name], marker="o", markersize=3, label=label)
    if not (trace[names] < 0.0).any(axis=None):  # covariances may be
        ax.set_ylim(bottom=0.0)
    ax.set_ylabel("variance")
    ax.legend(frameon=False, fontsize="small", labelcolor=INK)


def _change(trace: pd.DataFrame, ax: Axes) -> None:
    positive = trace["change"].where(trace["change"] > 0.0)
    ax.plot(trace.index, positive, marker="o", markersize=3)
    if positive.notna().any():
        ax.set_yscale("log")
    ax.set_ylabel("relative change")


def _loss(trace: pd.DataFrame, ax: Axes) -> None:
    learned = trace.get("train_loss")
    label = None if learned is None else "rows kept apart"
    ax.plot(
        trace.index, trace["validation_loss"], marker="o", markersize=3, label=label
    )
    if learned is not None:
        ax.plot(trace.index, learned, color="0.6", label="rows learned from")
        ax.legend(frameon=False, fontsize="small", labelcolor=INK)
    ax.set_ylabel("validation loss")
