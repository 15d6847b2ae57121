"""Draw the picture of guides/learners-with-random-effects.md."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.base import clone

sys.path[:0] = [str(Path(__file__).parent)]

from _merf_designs import Design, Draw, draw, rough

from flexcv.models import MixedEffectsBoosting

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "images" / "learners"
DESIGN = Design("100 groups of 20", rough, 100, 20, intercept=4.5)
ROUNDS = 450


def rounds() -> Figure:
    """Draw likelihood and residual variance by rounds, held out and in-sample."""
    drawn = draw(DESIGN, 1)
    settings = {"patience": ROUNDS, "max_iterations": ROUNDS, "random_state": 0}
    honest = MixedEffectsBoosting("group", **settings)
    inside = MixedEffectsBoosting("group", folds=None, **settings)
    figure = Figure(figsize=(7.5, 3.3), layout="constrained")
    left, right = figure.subplots(1, 2)
    for name, model, colour in (
        ("rows held out", honest, "tab:blue"),
        ("in-sample", inside, "tab:orange"),
    ):
        trace = model.fit(drawn.train.table, drawn.train.target).trace_
        for ax, what in ((left, "loglik"), (right, "sigma2")):
            ax.plot(trace["iteration"], trace[what], label=name, color=colour)
    left.axvline(honest.n_iter_, color="grey", linestyle="--", linewidth=1)
    left.annotate("  kept", (honest.n_iter_, 0.05), xycoords=("data", "axes fraction"))
    _level(right, _of_new_rows(honest, drawn), "variance of new rows")
    _level(right, honest.noise_**2, "noise alone (truth: 1)")
    left.set(xlabel="rounds", ylabel="log-likelihood")
    right.set(xlabel="rounds", ylabel="residual variance", ylim=(0, 6))
    right.legend(frameon=False)
    return figure


def _of_new_rows(model: MixedEffectsBoosting, drawn: Draw) -> float:
    """Return the mean square of target less fixed part less true effects."""
    fixed = clone(model).set_params(known_groups="population")
    fixed.fit(drawn.train.table, drawn.train.target)
    left = drawn.known.target - fixed.predict(drawn.known.table) - drawn.known.random
    return float(np.mean(left**2))


def _level(ax: Axes, value: float, name: str) -> None:
    ax.axhline(value, color="grey", linestyle=":", linewidth=1)
    place = (0.98, value + 0.08 if "noise" in name else value + 0.3)
    ax.annotate(name, place, xycoords=("axes fraction", "data"), ha="right")


def main() -> None:
    """Draw and save."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    rounds().savefig(FOLDER / "rounds.png", dpi=110)


if __name__ == "__main__":
    main()
