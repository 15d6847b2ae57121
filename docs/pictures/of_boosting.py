"""The picture of guides/learners-with-random-effects.md."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.base import clone
from style import BLUE, GREY, ORANGE

from benchmarks._merf_designs import Design, Draw, draw, rough
from flexcv.models import MixedEffectsBoosting

DESIGN = Design("100 groups of 20", rough, 100, 20, intercept=4.5)
ROUNDS = 450


def rounds() -> Figure:
    """Draw likelihood and residual variance by rounds, held out and in-sample."""
    drawn = draw(DESIGN, 1)
    settings = {"patience": ROUNDS, "max_iterations": ROUNDS, "random_state": 0}
    honest = MixedEffectsBoosting("group", **settings)
    inside = MixedEffectsBoosting("group", folds=None, **settings)
    figure = Figure(figsize=(6.4, 6.4))
    upper, lower = figure.subplots(2, sharex=True)
    for name, model, colour in (
        ("rows held out", honest, BLUE),
        ("in-sample", inside, ORANGE),
    ):
        trace = model.fit(drawn.train.table, drawn.train.target).trace_
        for ax, what in ((upper, "loglik"), (lower, "sigma2")):
            ax.plot(trace["iteration"], trace[what], label=name, color=colour)
    upper.axvline(honest.n_iter_, color=GREY, linestyle="--", linewidth=1)
    upper.annotate("  kept", (honest.n_iter_, 0.05), xycoords=("data", "axes fraction"))
    _level(lower, _of_new_rows(honest, drawn), "variance of new rows")
    _level(lower, honest.noise_**2, "noise alone (truth: 1)")
    upper.set(ylabel="log-likelihood")
    lower.set(xlabel="rounds", ylabel="residual variance", ylim=(0, 6))
    lower.legend(loc="upper right")
    return figure


def _of_new_rows(model: MixedEffectsBoosting, drawn: Draw) -> float:
    """Return the mean square of target less fixed part less true effects."""
    fixed = clone(model).set_params(known_groups="population")
    fixed.fit(drawn.train.table, drawn.train.target)
    left = drawn.known.target - fixed.predict(drawn.known.table) - drawn.known.random
    return float(np.mean(left**2))


def _level(ax: Axes, value: float, name: str) -> None:
    ax.axhline(value, color=GREY, linestyle=":", linewidth=1)
    place = (0.98, value + 0.08 if "noise" in name else value + 0.3)
    ax.annotate(name, place, xycoords=("axes fraction", "data"), ha="right")


PICTURES = {"learners/rounds": rounds}
