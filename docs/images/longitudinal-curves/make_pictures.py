"""Draw the pictures of guides/longitudinal-curves.md.

python docs/images/longitudinal-curves/make_pictures.py
"""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from flexcv.datasets import load_sleepstudy
from flexcv.models import DeepMixtureLMM, LinearMixedEffectsModel

FOLDER = Path(__file__).parent
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#8A8A8A"
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


def clusters(model: DeepMixtureLMM) -> Figure:
    """Every patient's curve and the clusters."""
    figure = Figure(figsize=(7.0, 4.2), layout="constrained")
    ax = model.plot_trajectories(figure.subplots())
    ax.set_ylabel("score")
    return figure


def new_patient(model: DeepMixtureLMM) -> Figure:
    """Predict a new patient after no, one and three visits."""
    figure = Figure(figsize=(9.0, 3.2), layout="constrained")
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
        ax.set_title(f"{number} visit{'' if number == 1 else 's'}", fontsize=10)
        ax.set_xlabel("week")
    axes[0].set_ylabel("score")
    return figure


def bound(model: DeepMixtureLMM) -> Figure:
    """Draw the bound of each start, sweep by sweep."""
    figure = Figure(figsize=(6.4, 3.4), layout="constrained")
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
    ax.legend(frameon=False)
    return figure


def drivers() -> Figure:
    """Three drivers' reactions with the curve and the line of either model."""
    table = load_sleepstudy()
    X, y = table[["Days", "Subject"]], table["Reaction"]
    curves = DeepMixtureLMM("Subject", "Days", n_components=(2, 1), random_state=0)
    lines = LinearMixedEffectsModel("Subject", "Days")
    curves.fit(X, y)
    lines.fit(X, y)
    figure = Figure(figsize=(9.0, 3.2), layout="constrained")
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
        ax.set_title(f"driver {subject}", fontsize=10)
        ax.set_xlabel("days")
    axes[0].set_ylabel("reaction time (ms)")
    axes[0].legend(frameon=False)
    return figure


if __name__ == "__main__":
    table, score = clinic()
    fitted = DeepMixtureLMM(
        "patient", "week", n_basis=7, n_factors="auto", random_state=0
    ).fit(table, score)
    pictures = {
        "clusters": clusters(fitted),
        "new-patient": new_patient(fitted),
        "bound": bound(fitted),
        "drivers": drivers(),
    }
    for name, picture in pictures.items():
        picture.savefig(FOLDER / f"{name}.png", dpi=120)
