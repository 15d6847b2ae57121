"""Pictures of guides/mixed-models.md."""

import numpy as np
from matplotlib.figure import Figure
from style import BLUE, GREY, ORANGE, legend_above

from flexcv.datasets import load_pastes, load_pbc, load_penicillin, load_sleepstudy
from flexcv.models import LinearMixedEffectsModel
from flexcv.preprocessing import contextual_effects


def shrinkage() -> Figure:
    """Each subject's own least squares, and where the mixed model puts it."""
    table = load_sleepstudy()
    model = LinearMixedEffectsModel("Subject", "Days")
    model.fit(table[["Days", "Subject"]], table["Reaction"])
    mean = model.fixed_effects_["estimate"]
    pooled = model.random_effects_["Subject"] + mean.to_numpy()
    figure = Figure(figsize=(6.4, 4.4))
    ax = figure.subplots()
    for subject, rows in table.groupby("Subject"):
        slope, level = np.polyfit(rows["Days"], rows["Reaction"], 1)
        end = pooled.loc[subject]
        ax.annotate(
            "",
            (end["Intercept"], end["Days"]),
            (level, slope),
            arrowprops={"arrowstyle": "->", "color": GREY, "shrinkA": 3, "shrinkB": 3},
        )
        ax.plot(level, slope, "o", color=ORANGE, markersize=5)
        ax.plot(end["Intercept"], end["Days"], "o", color=BLUE, markersize=5)
    ax.plot([], [], "o", color=ORANGE, label="each subject alone")
    ax.plot([], [], "o", color=BLUE, label="mixed model")
    ax.plot(*mean, "P", color=GREY, markersize=11, label="population")
    ax.set_xlabel("reaction time when rested (ms)")
    ax.set_ylabel("slowdown per day without sleep (ms)")
    legend_above(ax, 3)
    return figure


def within_and_between() -> Figure:
    """Slopes of the clinical table within patients and between them."""
    table = load_pbc()
    X = table.drop(columns=["log_bili", "patient"])
    found = contextual_effects(X, table["log_bili"], table["patient"])
    figure = Figure(figsize=(6.4, 5.4))
    found.plot(figure.subplots())
    return figure


def effects(model: LinearMixedEffectsModel, names: dict[str, str]) -> Figure:
    """Effects with 95 % intervals, one panel per factor."""
    table = model.random_effects_table()
    figure = Figure(figsize=(6.4, 7.2))
    axes = figure.subplots(1, len(names))
    for ax, (factor, title) in zip(axes, names.items(), strict=True):
        rows = table[table["factor"] == factor].sort_values("effect")
        places = np.arange(len(rows))
        reach = 1.96 * rows["sd"]
        ax.hlines(places, rows["effect"] - reach, rows["effect"] + reach, color=GREY)
        ax.plot(rows["effect"], places, "o", color=BLUE, markersize=4)
        ax.axvline(0.0, color=GREY, linewidth=0.8, linestyle=":")
        ax.set_yticks(places, rows["group"])
        ax.set_title(title)
    return figure


def penicillin() -> Figure:
    """Plates and samples of the crossed design."""
    table = load_penicillin()
    model = LinearMixedEffectsModel(["plate", "sample"])
    model.fit(table[["plate", "sample"]], table["diameter"])
    titles = {"plate": "plates (mm)", "sample": "samples (mm)"}
    return effects(model, titles)


def pastes() -> Figure:
    """Casks and batches of the nested design."""
    table = load_pastes()
    model = LinearMixedEffectsModel(formula="1", random="(1 | batch/cask)")
    model.fit(table[["batch", "cask"]], table["strength"])
    return effects(model, {"batch:cask": "casks", "batch": "batches"})


PICTURES = {
    "mixed-models/shrinkage": shrinkage,
    "mixed-models/within-between": within_and_between,
    "mixed-models/penicillin": penicillin,
    "mixed-models/pastes": pastes,
}
