"""How one fit moved from iteration to iteration."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

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
    >>> trace = pd.DataFrame(
    ...     {"loglik": [-9.0, -8.0], "sigma2": [2.0, 1.0], "change": [np.nan, 0.1]},
    ...     index=[1, 2],
    ... )
    >>> [ax.get_ylabel() for ax in plot_iterations(trace)]
    ['log-likelihood', 'variance', 'relative change']
    """
    validated = "validation_loss" in trace and trace["validation_loss"].notna().any()
    pictures = [_likelihood, _variances, _change, *([_loss] if validated else [])]
    shown = (
        _new_axes(len(pictures))
        if axes is None
        else list(np.ravel(np.asarray(axes, dtype=object)))
    )
    if len(shown) < len(pictures):
        raise ValueError(
            f"`axes` must hold {len(pictures)} axes, got {len(shown)}; pass None to "
            "make them."
        )
    for ax, draw in zip(shown, pictures, strict=False):
        draw(trace, ax)
        ax.set_xlabel("iteration")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    return shown


def _new_axes(number: int) -> list[Axes]:
    figure = Figure(figsize=(4.2 * number, 3.2), layout="constrained")
    return [figure.add_subplot(1, number, place + 1) for place in range(number)]


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
    ax.legend(frameon=False, fontsize="small")


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
        ax.legend(frameon=False, fontsize="small")
    ax.set_ylabel("validation loss")
