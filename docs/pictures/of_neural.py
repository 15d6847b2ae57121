"""Pictures of guides/neural-mixed-models.md."""

from textwrap import wrap

import numpy as np
from matplotlib.figure import Figure
from sklearn.metrics import r2_score
from style import BLUE, GREY, ORANGE, legend_above

from benchmarks._neural_designs import COVARIANCE, SHAPES, curves
from benchmarks.neural_demonstration import MODELS, fitted, formula

COLOURS = {"linear": BLUE, "wave": ORANGE}
REPLICATIONS = 20
SHAPES_IN_ORDER = tuple(SHAPES)


def predictions() -> Figure:
    """Draw predicted against observed for test rows, one table a row."""
    figure = Figure(figsize=(6.6, 5.6))
    axes = figure.subplots(2, 3, sharex=True, sharey=True)
    for line, shape in zip(axes, SHAPES, strict=True):
        drawn, y = curves(shape, 0)
        for ax, name in zip(line, MODELS, strict=True):
            model, columns = fitted(name, drawn, y, 0)
            test = ~drawn.train
            predicted = model.predict(columns[test])
            ax.scatter(y[test], predicted, s=5, alpha=0.5, color=COLOURS[shape])
            ax.axline((0.0, 0.0), slope=1.0, color=GREY, linewidth=0.8)
            score = r2_score(y[test], predicted)
            named = [*wrap(name, 14)] if shape == SHAPES_IN_ORDER[0] else []
            ax.set_title("\n".join([*named, f"R² = {score:.2f}"]))
        line[0].set_ylabel(f"predicted, f {formula(shape)}")
    for ax in axes[-1]:
        ax.set_xlabel("observed")
    return figure


def covariances() -> Figure:
    """Draw the entries of G as found against those that the table realised."""
    figure = Figure(figsize=(6.6, 3.0))
    names = ("variance of intercepts", "covariance", "variance of slopes")
    axes = figure.subplots(1, 3)
    for shape in SHAPES:
        pairs = []
        for seed in range(REPLICATIONS):
            drawn, y = curves(shape, seed)
            model, _ = fitted("network with random effects", drawn, y, seed)
            pairs.append((np.cov(drawn.effects.T), model.random_part_.covariances[0]))
        for ax, (i, j) in zip(axes, ((0, 0), (0, 1), (1, 1)), strict=True):
            realised, found = zip(*((a[i, j], b[i, j]) for a, b in pairs), strict=True)
            ax.scatter(
                realised, found, s=14, color=COLOURS[shape], label=formula(shape)
            )
    for ax, name, truth_ in zip(
        axes, names, COVARIANCE[np.triu_indices(2)], strict=True
    ):
        ax.axline((truth_, truth_), slope=1.0, color=GREY, linewidth=0.8)
        ax.set(title=name, xlabel="realised")
    axes[0].set_ylabel("found")
    named = axes[0].get_legend_handles_labels()
    figure.legend(*named, loc="outside upper center", ncols=2)
    return figure


def convergence() -> Figure:
    """Draw the trace of one fit."""
    drawn, y = curves("wave", 0)
    model, _ = fitted("network with random effects", drawn, y, 0)
    figure = Figure(figsize=(6.6, 5.4))
    axes = figure.subplots(2, 2).ravel()
    model.plot_convergence(axes)
    legend_above(axes[1], 1)
    legend_above(axes[3], 1)
    return figure


PICTURES = {
    "neural/predictions": predictions,
    "neural/covariances": covariances,
    "neural/convergence": convergence,
}
