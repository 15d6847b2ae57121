"""Draw the pictures of guides/merf.md into docs/images/merf/."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.linear_model import LinearRegression

sys.path.append(str(Path(__file__).parent))

from _merf_designs import Design, draw, gentle
from merf_accuracy import forest

from flexcv.merf import MERF

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "images" / "merf"
DESIGN = Design("well learnt", gentle)
N_TABLES = 15


def convergence() -> Figure:
    """Draw the trace of a forest, with the loss of rows kept apart."""
    drawn = draw(Design("slopes", gentle, slope=0.5), 1).train
    model = MERF(forest(0), "group", "x1", tol=None, max_iterations=8)
    model.set_params(validation_fraction=0.25, random_state=0)
    axes = model.fit(drawn.table, drawn.target).plot_convergence()
    return axes[0].figure


def solvers() -> Figure:
    """Draw the group variance by refit, one EM step a refit and the exact maximum."""
    drawn = draw(Design("weak", gentle, intercept=0.1), 3).train
    figure = Figure(figsize=(6, 3.4), layout="constrained")
    ax = figure.add_subplot()
    for solver, colour in (("em", "tab:orange"), ("profile", "tab:blue")):
        model = MERF(LinearRegression(), "group", solver=solver, tol=None)
        model.set_params(max_iterations=60).fit(drawn.table, drawn.target)
        found = model.trace_["group.Intercept"]
        ax.plot(found.index, found, color=colour, label=f'solver="{solver}"')
    ax.set(xlabel="refits of the learner", ylabel="group variance", ylim=(0, None))
    ax.legend(frameon=False)
    return figure


def honest() -> Figure:
    """Draw what both kinds of fitted values say of the residual variance."""
    figure = Figure(figsize=(6, 3.4), layout="constrained")
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
        ax.plot(place + shift, model.sigma_**2, "o", color="tab:blue", alpha=0.6)
        if kind == "oob":
            model.known_groups = "population"
            fixed = model.predict(drawn.known.table)
            left = drawn.known.target - fixed - drawn.known.random
            ax.plot(2 + shift, np.mean(left**2), "o", color="tab:grey", alpha=0.6)


def main() -> None:
    """Draw and save all."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for draw_one in (convergence, solvers, honest):
        draw_one().savefig(FOLDER / f"{draw_one.__name__}.png", dpi=110)


if __name__ == "__main__":
    main()
