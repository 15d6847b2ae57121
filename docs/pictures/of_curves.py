"""Pictures of guides/longitudinal-curves.md."""

from functools import cache

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from style import BLUE, GREY, ORANGE, legend_above

from flexcv.datasets import load_sleepstudy
from flexcv.models import DeepMixtureLMM, LinearMixedEffectsModel

VISITS = [(0.5, 20.5), (2.0, 22.0), (4.5, 26.5)]
DRIVERS = ("308", "332", "335")


def clinic() -> tuple[pd.DataFrame, np.ndarray]:
    """Simulate the guide's patients."""
    rng = np.random.default_rng(0)
    kind = rng.choice(["rises", "peaks", "stays"], 150)
    patient = np.repeat(np.arange(150), rng.integers(4, 9, 150))
    week = rng.uniform(0, 10, len(patient))
    shape = {
        "rises": 10 / (1 + np.exp(4 - week)),
        "peaks": 10 * np.exp(-(((week - 4) / 2) ** 2)),
        "stays": 0 * week,
    }
    level, gain = rng.normal(20, 1.5, 150), rng.normal(1, 0.15, 150)
    curve = np.select([kind[patient] == k for k in shape], list(shape.values()))
    noise = rng.normal(0, 1, len(patient))
    score = level[patient] + gain[patient] * curve + noise
    return pd.DataFrame({"patient": patient, "week": week}), score


@cache
def fitted() -> DeepMixtureLMM:
    """Fit the guide's model."""
    table, score = clinic()
    model = DeepMixtureLMM(
        "patient", "week", n_basis=7, n_factors="auto", random_state=0
    )
    return model.fit(table, score)


def clusters() -> Figure:
    """Every patient's curve and the clusters."""
    figure = Figure(figsize=(6.4, 4.2))
    ax = fitted().plot_trajectories(figure.subplots())
    ax.set_ylabel("score")
    legend_above(ax, 2)
    return figure


def new_patient() -> Figure:
    """Predict a new patient after no, one and three visits."""
    model = fitted()
    figure = Figure(figsize=(6.6, 3.0))
    axes = figure.subplots(1, 3, sharey=True)
    grid = pd.DataFrame({"patient": "new", "week": np.linspace(0.1, 9.9, 120)})
    for ax, number in zip(axes, (0, 1, 3), strict=True):
        weeks, readings = zip(*VISITS, strict=True)
        seen = pd.DataFrame({"patient": "new", "week": weeks[:number]})
        told = (seen, readings[:number]) if number else None
        band = model.predict_interval(grid, 0.9, condition_on=told)
        drawn = model.sample(grid, 25, condition_on=told, random_state=1)
        ax.fill_between(
            grid["week"], band["lower"], band["upper"], color=BLUE, alpha=0.15
        )
        ax.plot(grid["week"], drawn.T, color=BLUE, linewidth=0.6, alpha=0.5)
        ax.plot(weeks[:number], readings[:number], "o", color=ORANGE)
        ax.set_title(f"{number} visit{'' if number == 1 else 's'}")
        ax.set_xlabel("week")
    axes[0].set_ylabel("score")
    return figure


def bound() -> Figure:
    """Draw the bound of each start, sweep by sweep."""
    model = fitted()
    figure = Figure(figsize=(6.4, 3.4))
    ax = figure.subplots()
    factors = model.selection_.set_index("n_iter")["n_factors"]
    colours = (BLUE, ORANGE, GREY)
    for colour, (_, trace) in zip(colours, model.trace_.groupby("start"), strict=True):
        sweeps = np.arange(1, len(trace) + 1)
        first = factors[len(trace)][0]
        label = f"{first} factor{'' if first == 1 else 's'}"
        ax.plot(sweeps, trace["bound"], color=colour, label=label)
    ax.set_xlabel("sweep")
    ax.set_ylabel("evidence lower bound")
    ax.set_ylim(bottom=model.bound_ - 400)
    ax.legend()
    return figure


def drivers() -> Figure:
    """Three drivers' reactions with the curve and the line of either model."""
    table = load_sleepstudy()
    X, y = table[["Days", "Subject"]], table["Reaction"]
    curves = DeepMixtureLMM("Subject", "Days", n_components=(2, 1), random_state=0)
    lines = LinearMixedEffectsModel("Subject", "Days")
    curves.fit(X, y)
    lines.fit(X, y)
    figure = Figure(figsize=(6.6, 3.0))
    axes = figure.subplots(1, 3, sharey=True)
    days = np.linspace(0.0, 9.0, 80)
    for ax, subject in zip(axes, DRIVERS, strict=True):
        grid = pd.DataFrame({"Days": days, "Subject": subject})
        band = curves.predict_interval(grid, of="curve")
        ax.fill_between(days, band["lower"], band["upper"], color=BLUE, alpha=0.15)
        ax.plot(days, band["prediction"], color=BLUE, label="curve")
        ax.plot(days, lines.predict(grid), "--", color=GREY, label="line")
        own = X["Subject"].eq(subject)
        ax.plot(X["Days"][own], y[own], "o", color=ORANGE, markersize=4)
        ax.set_title(f"driver {subject}")
        ax.set_xlabel("days")
    axes[0].set_ylabel("reaction time (ms)")
    axes[0].legend()
    return figure


PICTURES = {
    "longitudinal-curves/clusters": clusters,
    "longitudinal-curves/new-patient": new_patient,
    "longitudinal-curves/bound": bound,
    "longitudinal-curves/drivers": drivers,
}
