"""Pictures of guides/merf.md."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.linear_model import LinearRegression
from style import BLUE, GREY, ORANGE, legend_above

from benchmarks._merf_designs import Design, draw, gentle
from benchmarks.merf_accuracy import forest
from flexcv.merf import MERF

DESIGN = Design("well learnt", gentle)
N_TABLES = 15


def convergence() -> Figure:
    """Draw the trace of a forest, with the loss of rows kept apart."""
    drawn = draw(Design("slopes", gentle, slope=0.5), 1).train
    model = MERF(forest(0), "group", "x1", tol=None, max_iterations=8)
    model.set_params(validation_fraction=0.25, random_state=0)
    model.fit(drawn.table, drawn.target)
    figure = Figure(figsize=(6.6, 5.4))
    axes = figure.subplots(2, 2).ravel()
    model.plot_convergence(axes)
    legend_above(axes[1], 1)
    return figure


def solvers() -> Figure:
    """Draw the group variance by refit, one EM step a refit and the exact maximum."""
    drawn = draw(Design("weak", gentle, intercept=0.1), 3).train
    figure = Figure(figsize=(6, 3.4))
    ax = figure.add_subplot()
    for solver, colour in (("em", ORANGE), ("profile", BLUE)):
        model = MERF(LinearRegression(), "group", solver=solver, tol=None)
        model.set_params(max_iterations=60).fit(drawn.table, drawn.target)
        found = model.trace_["group.Intercept"]
        ax.plot(found.index, found, color=colour, label=f'solver="{solver}"')
    ax.set(xlabel="refits of the learner", ylabel="group variance", ylim=(0, None))
    ax.legend()
    return figure


def honest() -> Figure:
    """Draw what both kinds of fitted values say of the residual variance."""
    figure = Figure(figsize=(6, 3.4))
    ax = figure.add_subplot()
    for place, kind in enumerate(("in_sample", "oob")):
        _strip(ax, place, kind)
    ax.set_xticks([0, 1, 2], ["in-sample", "out-of-bag", "new rows"])
    ax.set(ylabel="residual variance", ylim=(0, None), xlim=(-0.5, 2.5))
    return figure


def _strip(ax: Axes, place: int, kind: str) -> None:
    for seed in range(N_TABLES):
        drawn = draw(DESIGN, seed)
        model = MERF(forest(seed), "group", fit_prediction=kind, max_iterations=5)
        model.set_params(tol=None).fit(drawn.train.table, drawn.train.target)
        shift = (seed - N_TABLES / 2) / (2 * N_TABLES)
        ax.plot(place + shift, model.sigma_**2, "o", color=BLUE, alpha=0.6)
        if kind == "oob":
            model.known_groups = "population"
            fixed = model.predict(drawn.known.table)
            left = drawn.known.target - fixed - drawn.known.random
            ax.plot(2 + shift, np.mean(left**2), "o", color=GREY, alpha=0.6)


PICTURES = {
    "merf/convergence": convergence,
    "merf/solvers": solvers,
    "merf/honest": honest,
}
