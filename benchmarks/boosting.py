"""Boosting with random effects beside GPBoost: accuracy, variances and CPU seconds.

Run ``python benchmarks/boosting.py [sections]`` with one thread of BLAS; each section
named (all by default) is printed and written to docs/performance/boosting.md.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import xgboost
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import log_loss, mean_poisson_deviance
from sklearn.tree import DecisionTreeRegressor

sys.path[:0] = [str(Path(__file__).parent)]

from _boosting_page import table, write_section
from _boosting_rivals import SETTINGS, rival, rounds_by_cross_validation
from _merf_designs import Design, Draw, Drawn, draw, rough

from flexcv.models import MixedEffectsBoosting
from flexcv.models.trees.binning import learn_bins
from flexcv.models.trees.histogram_trees import HistogramGrower
from flexcv.models.trees.splits import TreeShape

SEEDS = range(5)
FEW_SEEDS = range(3)  # where many settings are compared
N_TEST = 25
NORMAL = tuple(
    Design(f"100 groups of {n}", rough, 100, n, intercept=4.5) for n in (5, 20)
)
LARGE = Design("1 000 groups of 20", rough, 1000, 20, intercept=4.5)
SCALES = {"binomial": (0.5, -1.0), "poisson": (0.25, -0.5)}
LARGEST_ETA = 4.0  # a pole of the design would make counts of thousands
VARIANTS: dict[str, dict[str, object]] = {
    "as it is": {},
    '`step="gradient"`': {"step": "gradient"},
    '`learner="exact"`': {"learner": "exact"},
    "`refresh_every=1`": {"refresh_every": 1},
    "`refresh_every=50`": {"refresh_every": 50},
    "`subsample=1.0`": {"subsample": 1.0},
    "`max_bins=63`": {"max_bins": 63},
    "`folds=10`": {"folds": 10},
    "`learning_rate=0.05`": {"learning_rate": 0.05, "patience": 100},
    "`folds=None`, 200 rounds": {"folds": None, "max_iterations": 200},
}


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """What one method gave on one draw."""

    known: float
    new: float
    group: float
    seconds: float
    sigma2: float = np.nan
    noise2: float = np.nan
    residual: float = np.nan
    cover_known: float = np.nan
    cover_new: float = np.nan


def ours(
    drawn: Draw, family: str = "gaussian", seed: int = 0, **settings: object
) -> Fit:
    """Fit boosting with random effects as it comes."""
    began = time.process_time()
    model = MixedEffectsBoosting("group", family=family, random_state=seed, **settings)
    model.fit(drawn.train.table, drawn.train.target)
    spent = time.process_time() - began

    def mean(table: pd.DataFrame) -> np.ndarray:
        if family == "binomial":
            return model.predict_proba(table)[:, 1]
        return model.predict(table)

    losses = [loss(family, d.target, mean(d.table)) for d in (drawn.known, drawn.new)]
    group = float(model.variance_components_["variance"][0])
    fit = Fit(*losses, group, spent)
    if family != "gaussian":
        return fit
    covers = [_inside(model, rows) for rows in (drawn.known, drawn.new)]
    model.known_groups = "population"
    left = drawn.known.target - model.predict(drawn.known.table) - drawn.known.random
    variances = model.sigma_**2, model.noise_**2, float(np.mean(left**2))
    return Fit(*losses, group, spent, *variances, *covers)


def gpboost_best(drawn: Draw, family: str, seed: int) -> Fit:
    """Fit GPBoost with each setting and keep the best on the known groups' test rows.

    The seconds are those of the one best fit: the choice was made for it.
    """
    fits = []
    for given in SETTINGS[family]:
        setting = replace(given, seed=seed)
        found = rival(drawn.train.table, drawn.train.target, family, setting)
        fits.append(_fit_of(found, drawn, family))
    return min(fits, key=lambda fit: fit.known)


def gpboost_chosen(drawn: Draw, family: str, seed: int) -> Fit:
    """Fit GPBoost with rounds by its own cross-validation, and count that, too."""
    train, setting = drawn.train, replace(SETTINGS[family][0], n_rounds=1000, seed=seed)
    rounds, spent = rounds_by_cross_validation(
        train.table, train.target, family, setting
    )
    found = rival(train.table, train.target, family, replace(setting, n_rounds=rounds))
    return replace(_fit_of(found, drawn, family), seconds=spent + found.seconds)


def _fit_of(found: object, drawn: Draw, family: str) -> Fit:
    losses = [
        loss(family, rows.target, found.predict(rows.table))
        for rows in (drawn.known, drawn.new)
    ]
    if family != "gaussian":
        return Fit(*losses, float(found.variances[0]), found.seconds)
    unknown = drawn.known.table.assign(group=-1)
    left = drawn.known.target - found.predict(unknown) - drawn.known.random
    return Fit(
        *losses,
        float(found.variances[1]),
        found.seconds,
        sigma2=float(found.variances[0]),
        residual=float(np.mean(left**2)),
        cover_known=found.inside(drawn.known.table, drawn.known.target),
        cover_new=found.inside(drawn.new.table, drawn.new.target),
    )


def _inside(model: MixedEffectsBoosting, rows: Drawn) -> float:
    interval = model.predict_interval(rows.table)
    inside = (interval["lower"] <= rows.target) & (rows.target <= interval["upper"])
    return float(inside.mean())


def loss(family: str, target: np.ndarray, mean: np.ndarray) -> float:
    """Return the mean squared error, log loss or Poisson deviance."""
    if family == "binomial":
        return float(log_loss(target, mean))
    if family == "poisson":
        return float(mean_poisson_deviance(target, np.maximum(mean, 1e-9)))
    return float(np.mean((target - mean) ** 2))


def outcomes(family: str, n_rows: int, seed: int) -> Draw:
    """Draw classes or counts from the tree-friendly design, group variance 1."""
    scale, shift = SCALES[family]
    design = Design(
        family,
        lambda x: scale * rough(x) + shift,
        100,
        n_rows,
        intercept=1.0,
        noise=0.0,
    )
    rng = np.random.default_rng(1000 + seed)
    drawn = draw(design, seed, N_TEST)
    parts = (drawn.train, drawn.known, drawn.new)
    return Draw(*(_happened(rows, family, rng) for rows in parts))


def _happened(rows: Drawn, family: str, rng: np.random.Generator) -> Drawn:
    if family == "binomial":
        chance = 1.0 / (1.0 + np.exp(-rows.target))
        return replace(rows, target=(rng.random(len(chance)) < chance).astype(float))
    rate = np.exp(np.minimum(rows.target, LARGEST_ETA))
    return replace(rows, target=rng.poisson(rate).astype(float))


METHODS: dict[str, Callable[[Draw, str, int], Fit]] = {
    "boosting here": ours,
    "GPBoost, best of 3": gpboost_best,
    "GPBoost, rounds by its CV": gpboost_chosen,
}


def means(draws: list[Draw], method: str, family: str) -> pd.Series:
    """Average one method over draws."""
    fits = [METHODS[method](drawn, family, seed) for seed, drawn in enumerate(draws)]
    names = Fit.__dataclass_fields__
    return pd.DataFrame(
        [[getattr(f, n) for n in names] for f in fits], columns=[*names]
    ).mean()


def normal() -> str:
    """Compare on the tree-friendly design."""
    lines = []
    for design in NORMAL:
        draws = [draw(design, seed, N_TEST) for seed in SEEDS]
        lines += [_normal_line(design.name, draws, method) for method in METHODS]
    return f"""## The tree-friendly design

f = 2 x1 + x2^2 + 4 [x3 > 0] + 2 x3 log|x1|, standard normal features, noise variance
1, group variance 4.5; {N_TEST} test rows per group. Means of {len(SEEDS)} draws.
"Residual variance of new rows" is what intervals need: the mean square of the target
less the fixed part less the true group effects.

{_normal_table(lines)}
"""


def large() -> str:
    """Compare on 20 000 rows."""
    draws = [draw(LARGE, 0, N_TEST)]
    lines = [_normal_line(LARGE.name, draws, method) for method in METHODS]
    return f"""## 20 000 rows

The same design, one draw.

{_normal_table(lines)}
"""


def _normal_line(name: str, draws: list[Draw], method: str) -> tuple[str, ...]:
    mean = means(draws, method, "gaussian")
    print(name, method, mean.round(3).to_dict(), flush=True)
    noise = "" if np.isnan(mean["noise2"]) else f"{mean['noise2']:.2f}"
    return (
        name,
        method,
        f"{mean['known']:.2f}",
        f"{mean['new']:.2f}",
        f"{mean['sigma2']:.2f}",
        f"{mean['residual']:.2f}",
        noise,
        f"{mean['group']:.2f}",
        f"{100 * mean['cover_known']:.1f} %",
        f"{100 * mean['cover_new']:.1f} %",
        f"{mean['seconds']:.2f}",
    )


def _normal_table(lines: list[tuple[str, ...]]) -> str:
    head = (
        "training rows",
        "method",
        "MSE, known groups",
        "MSE, new groups",
        "sigma2",
        "residual variance of new rows",
        "noise variance (1)",
        "group variance (4.5)",
        "95 % intervals, known",
        "new",
        "CPU s",
    )
    return table(head, lines)


def others() -> str:
    """Compare on classes and counts."""
    lines = []
    for family in SCALES:
        for n_rows in (5, 20):
            draws = [outcomes(family, n_rows, seed) for seed in SEEDS]
            for method in METHODS:
                mean = means(draws, method, family)
                print(family, n_rows, method, mean.round(3).to_dict(), flush=True)
                lines.append(
                    (
                        family,
                        f"100 groups of {n_rows}",
                        method,
                        f"{mean['known']:.3f}",
                        f"{mean['new']:.3f}",
                        f"{mean['group']:.2f}",
                        f"{mean['seconds']:.2f}",
                    )
                )
    head = (
        "family",
        "training rows",
        "method",
        "loss, known groups",
        "loss, new groups",
        "group variance (1)",
        "CPU s",
    )
    return f"""## Two classes and counts

The same f, scaled by 0.5 for classes and 0.25 for counts, on the scale of the link;
log loss and Poisson deviance, means of {len(SEEDS)} draws.

{table(head, lines)}
"""


def variants() -> str:
    """Compare settings."""
    lines = []
    for name, settings in VARIANTS.items():
        line = [name]
        for design in NORMAL:
            fits = [
                ours(draw(design, s, N_TEST), seed=s, **settings) for s in FEW_SEEDS
            ]
            known, seconds = (
                float(np.mean([getattr(fit, what) for fit in fits]))
                for what in ("known", "seconds")
            )
            line += [f"{known:.2f}", f"{seconds:.2f}"]
        print(line, flush=True)
        lines.append(line)
    head = (
        "settings",
        *(
            f"{design.name}: {what}"
            for design in NORMAL
            for what in ("MSE, known groups", "CPU s")
        ),
    )
    return f"""## What the settings do

The tree-friendly design, means of {len(FEW_SEEDS)} draws.

{table(head, lines)}
"""


def trees() -> str:
    """Time one tree of each kind of learner."""
    lines = []
    for n_rows, n_features in ((500, 3), (2_000, 3), (20_000, 3), (20_000, 10)):
        rng = np.random.default_rng(0)
        X = rng.normal(size=(n_rows, n_features))
        y = X[:, 0] ** 2 + X[:, 1] * X[:, 2] + rng.normal(size=n_rows)
        spent = [timed(X, y) for timed in TREES.values()]
        lines.append((f"{n_rows:,} x {n_features}", *(f"{t:.2f} ms" for t in spent)))
        print(lines[-1], flush=True)
    return f"""## One tree

CPU time of one tree of depth 5 and of finding the leaf of every row, one thread;
half of the rows to learn from. "Six at once" is what a round needs with five folds.

{table(("rows x features", *TREES), lines)}
"""


def _per_call(call: Callable[[int], object], n_calls: int) -> float:
    began = time.process_time()
    for number in range(n_calls):
        call(number)
    return 1e3 * (time.process_time() - began) / n_calls


def _sklearn_tree(X: np.ndarray, y: np.ndarray) -> float:
    values = X.astype(np.float32)

    def once(number: int) -> object:
        tree = DecisionTreeRegressor(max_depth=5, random_state=number)
        half = slice(number % 2, None, 2)
        return tree.fit(values[half], y[half]).tree_.apply(values)

    return _per_call(once, 10)


def _sklearn_histogram(X: np.ndarray, y: np.ndarray) -> float:
    def once(number: int) -> object:
        half = slice(number % 2, None, 2)
        one = HistGradientBoostingRegressor(max_iter=1, early_stopping=False)
        return one.fit(X[half], y[half]).predict(X)

    return _per_call(once, 5)


def _xgboost_tree(X: np.ndarray, y: np.ndarray) -> float:
    data = xgboost.QuantileDMatrix(X, label=y, nthread=1)
    gradient, ones = -y.astype(np.float32), np.ones(len(y), np.float32)
    params = {"max_depth": 5, "nthread": 1, "subsample": 0.5, "learning_rate": 1.0}

    def once(number: int) -> object:
        booster = xgboost.Booster(params | {"seed": number}, [data])
        booster.boost(data, grad=gradient, hess=ones, iteration=0)
        return booster.predict(data, pred_leaf=True)

    return _per_call(once, 20)


def _own_trees(n_trees: int) -> Callable[[np.ndarray, np.ndarray], float]:
    def timed(X: np.ndarray, y: np.ndarray) -> float:
        bins = learn_bins(X)
        grower = HistogramGrower(bins, bins.codes(X), TreeShape(5, None, 3, 1.0))
        gradient = np.tile(y, (n_trees, 1))
        used = np.arange(len(y)) % 2 == np.zeros((n_trees, 1))
        return _per_call(lambda _: grower.grow(gradient, used), 20)

    return timed


TREES: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "`DecisionTreeRegressor`": _sklearn_tree,
    "`HistGradientBoosting`, one round": _sklearn_histogram,
    "XGBoost, one round": _xgboost_tree,
    "bins learned once, here": _own_trees(1),
    "here, six at once": _own_trees(6),
}

SECTIONS: dict[str, Callable[[], str]] = {
    "normal": normal,
    "large": large,
    "others": others,
    "variants": variants,
    "trees": trees,
}


def main(names: list[str]) -> None:
    """Run the sections named, all by default."""
    for name in names or SECTIONS:
        began = time.process_time()
        text = SECTIONS[name]()
        write_section(name, text)
        print(text, f"\n{time.process_time() - began:.0f} CPU s\n", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
