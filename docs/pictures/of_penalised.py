"""Pictures of guides/penalised-models.md."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.linear_model import LassoCV
from style import BLUE, GREEN, GREY, ORANGE

from benchmarks.penalized import N_CONSTANT, N_EFFECTS, Drawn, draw
from flexcv.merf import MERF
from flexcv.models import PenalizedLinearMixedModel

SEEDS = range(5)


def path() -> Figure:
    """Draw coefficients and held-out loss along alphas."""
    drawn = draw(0)
    X, y = Drawn.parts(drawn.train)
    model = PenalizedLinearMixedModel("g").fit(X, y)
    figure = Figure(figsize=(6.4, 5.6))
    upper, lower = figure.subplots(2, sharex=True, height_ratios=[2, 1])
    _coefficients(upper, model.path(X, y).drop(columns="Intercept"))
    _losses(lower, model.cv_results_)
    for ax in (upper, lower):
        ax.axvline(model.alpha_, color=GREEN, linewidth=1)
    lower.invert_xaxis()
    figure.legend(*upper.get_legend_handles_labels(), loc="outside upper left", ncols=2)
    return figure


def _coefficients(ax: Axes, shown: pd.DataFrame) -> None:
    kinds = {
        "no effect": ("0.8", slice(None)),
        "effect, varying": (BLUE, slice(N_CONSTANT, N_CONSTANT + N_EFFECTS)),
        "effect, constant within groups": (ORANGE, slice(0, N_EFFECTS)),
    }
    for label, (colour, columns) in kinds.items():
        width = 0.6 if columns == slice(None) else 1.6
        lines = ax.plot(
            shown.index, shown.iloc[:, columns], color=colour, linewidth=width
        )
        lines[0].set_label(label)
    ax.axhline(1.0, color=GREY, linestyle=":", linewidth=1)
    ax.set(ylabel="coefficient", ylim=(-0.4, 1.25))


def _losses(ax: Axes, loss: pd.DataFrame) -> None:
    ax.plot(loss.index, loss["loss"], color=GREY)
    reach = [loss["loss"] + k * loss["standard_error"] for k in (-1, 1)]
    ax.fill_between(loss.index, *reach, color="0.85")
    ax.set(ylabel="held-out loss", xlabel="alpha", xscale="log")


def selection() -> Figure:
    """Draw the estimates of the true effects, beside those of a wrapper."""
    figure = Figure(figsize=(6.4, 3.4))
    kinds = {
        "constant within groups": slice(0, N_EFFECTS),
        "varying": slice(N_CONSTANT, N_CONSTANT + N_EFFECTS),
    }
    axes = figure.subplots(1, 2, sharey=True)
    for seed in SEEDS:
        found = _estimates(draw(seed))
        for ax, part in zip(axes, kinds.values(), strict=True):
            for place, beta in enumerate(found):
                shift = place + (np.arange(N_EFFECTS) + 5 * seed - 12) / 60
                colour = (BLUE, ORANGE)[place]
                ax.plot(shift, beta[part], "o", color=colour, alpha=0.7, markersize=4)
    for ax, title in zip(axes, kinds, strict=True):
        ax.axhline(1.0, color=GREY, linestyle=":", linewidth=1)
        ax.set_xticks([0, 1], ["penalised\nmixed\nmodel", "EM\naround\na lasso"])
        ax.set(title=title, xlim=(-0.5, 1.5), ylim=(0, 1.3))
    axes[0].set(ylabel="estimate of an effect of 1")
    return figure


def _estimates(drawn: Drawn) -> tuple[np.ndarray, np.ndarray]:
    X, y = Drawn.parts(drawn.train)
    model = PenalizedLinearMixedModel("g").fit(X, y)
    options = {"solver": "em", "fit_prediction": "in_sample", "tol": None}
    wrapper = MERF(LassoCV(cv=5), "g", max_iterations=20, **options).fit(X, y)
    return model.coef_, wrapper.learner_.coef_


PICTURES = {
    "penalised-models/path": path,
    "penalised-models/selection": selection,
}
