"""How often the intervals and tests of `flexcv.results.comparison` hold.

Data whose truth is known are drawn again and again: ridge regressions under GroupKFold,
half of the residual variance between groups. The score that the learned models reach
on new groups follows from their coefficients, so that coverage is counted, not argued.

    python benchmarks/comparison_coverage.py              prints the tables
    python benchmarks/comparison_coverage.py --write      and writes them to the docs
    python benchmarks/comparison_coverage.py --draws 100  is quick and rough
"""

from __future__ import annotations

import argparse
import functools
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from flexcv.metrics import KNOWN_METRICS, Metric
from flexcv.metrics.classes import roc_auc
from flexcv.metrics.limits import FREE
from flexcv.results.deleted import deleted_scores
from flexcv.results.fold_tests import corrected_t_test
from flexcv.results.group_bootstrap import bootstrap_interval, group_scores, on_scale
from flexcv.results.pooled import BootstrapSettings, PooledScores

PAGE = Path(__file__).parents[1] / "docs" / "performance" / "comparison.md"
N_FOLDS = 5
LEVEL = 0.95
N_BOOTSTRAP = 1000
PENALTY = 1.0
FEATURES = 5  # with an effect; one more has none
GROUP_SHARE = 0.5  # of the residual variance, and the intraclass correlation
Z = stats.norm.ppf(0.5 + LEVEL / 2)


@dataclass(frozen=True)
class Setting:
    """One kind of table."""

    name: str
    n_groups: int
    mean_size: int = 10
    even: bool = True
    feature_share: float = 0.0  # of the features' variance, between groups


@dataclass(frozen=True)
class Table:
    """One drawn table."""

    X: np.ndarray
    y: np.ndarray
    group: np.ndarray
    coefficients: np.ndarray


@dataclass(frozen=True)
class Learned:
    """One model cross-validated on one table."""

    frame: pd.DataFrame  # predictions of both parts, as flexcv keeps them
    squares: np.ndarray  # squared error of each out-of-fold row
    by_fold: np.ndarray  # mean squared error of each fold
    risk: np.ndarray  # true mean squared error of each fold's model on new groups
    weights: np.ndarray  # rows of each fold over all rows


METRICS = {name: KNOWN_METRICS[name] for name in ("mse", "mae", "r2")}


def draw(setting: Setting, rng: np.random.Generator) -> Table:
    """Draw features of unit variance; their effect and the residual have one too."""
    sizes = np.full(setting.n_groups, setting.mean_size)
    if not setting.even:
        draws = rng.gamma(1.5, setting.mean_size / 1.5, setting.n_groups)
        sizes = np.maximum(2, rng.poisson(draws))
    group = np.repeat(np.arange(setting.n_groups), sizes)
    shape = (setting.n_groups, FEATURES + 1)
    share = setting.feature_share
    X = np.sqrt(share) * rng.standard_normal(shape)[group]
    X += np.sqrt(1 - share) * rng.standard_normal((len(group), FEATURES + 1))
    coefficients = np.append(np.full(FEATURES, np.sqrt(1 / FEATURES)), 0.0)
    y = X @ coefficients
    y += np.sqrt(GROUP_SHARE) * rng.standard_normal(setting.n_groups)[group]
    y += np.sqrt(1 - GROUP_SHARE) * rng.standard_normal(len(group))
    return Table(X, y, group, coefficients)


def group_folds(group: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Deal whole groups to folds, large ones first, ties at random: a fold per row."""
    sizes = np.bincount(group)
    order = np.lexsort((rng.random(len(sizes)), -sizes))
    fold, load = np.empty(len(sizes), int), np.zeros(N_FOLDS)
    for number in order:
        fold[number] = np.argmin(load)
        load[fold[number]] += sizes[number]
    return fold[group]


def cross_validate(table: Table, features: list[int], fold: np.ndarray) -> Learned:
    """Fit ridge to each fold's training rows and predict every row."""
    X = table.X[:, features]
    predicted, risk = np.empty((N_FOLDS, len(fold))), np.empty(N_FOLDS)
    for number in range(N_FOLDS):
        train = fold != number
        mean, level = X[train].mean(axis=0), table.y[train].mean()
        centred = X[train] - mean
        slopes = np.linalg.solve(
            centred.T @ centred + PENALTY * np.eye(len(features)),
            centred.T @ (table.y[train] - level),
        )
        constant = level - mean @ slopes
        predicted[number] = constant + X @ slopes
        error = -table.coefficients.copy()
        error[features] += slopes
        risk[number] = constant**2 + error @ error + 1.0
    own = predicted[fold, np.arange(len(fold))]
    squares = (table.y - own) ** 2
    counts = np.bincount(fold)
    by_fold = np.bincount(fold, squares) / counts
    frame = prediction_frame(table, predicted, fold)
    return Learned(frame, squares, by_fold, risk, counts / len(fold))


def prediction_frame(
    table: Table, predicted: np.ndarray, fold: np.ndarray, repeat: int = 0
) -> pd.DataFrame:
    row = np.tile(np.arange(len(fold)), N_FOLDS)
    number = np.repeat(np.arange(N_FOLDS), len(fold))
    return pd.DataFrame(
        {
            "repeat": repeat,
            "fold": number,
            "row": row,
            "group": table.group[row],
            "y_true": table.y[row],
            "y_pred": predicted.ravel(),
            "part": np.where(fold[row] == number, "test", "train"),
        }
    )


def fold_interval(by_fold: np.ndarray) -> tuple[float, float]:
    """Return the interval of the corrected resampled t-test."""
    test = corrected_t_test(list(by_fold), 1 / (N_FOLDS - 1))
    reach = test.scale * stats.t.ppf(0.5 + LEVEL / 2, test.df)
    return test.mean - reach, test.mean + reach


def model_intervals(
    table: Table, model: Learned, seed: int
) -> Iterator[tuple[str, float, tuple[float, float]]]:
    """Return name, truth and interval of each way to say how good one model is."""
    truth = model.weights @ model.risk
    mean, n_rows = model.squares.mean(), len(model.squares)
    row_error = Z * model.squares.std(ddof=1) / np.sqrt(n_rows)
    yield "rows, z", truth, (mean - row_error, mean + row_error)
    sums = np.bincount(table.group, model.squares - mean)
    n_groups = len(sums)
    error = Z * np.sqrt(n_groups / (n_groups - 1) * np.sum(sums**2)) / n_rows
    yield "groups, z", truth, (mean - error, mean + error)
    yield "corrected t", truth, fold_interval(model.by_fold)
    truths = {
        "mse": truth,
        "mae": model.weights @ np.sqrt(2 / np.pi * model.risk),
        "r2": 1 - truth / 2.0,
    }
    for name, value in truths.items():
        for label, interval in intervals(model.frame, METRICS[name], seed):
            yield f"{label}, {name}", value, interval


def intervals(
    frame: pd.DataFrame, metric: Metric, seed: int
) -> Iterator[tuple[str, tuple[float, float]]]:
    """Return flexcv's interval of a score, and those on one scale throughout."""
    settings = BootstrapSettings(LEVEL, N_BOOTSTRAP, seed)
    rows = frame.assign(model="M")
    pooled = PooledScores(rows, metric.function, settings, metric.limits)
    _, lower, upper, _ = pooled.single("M")
    yield "bootstrap", (lower, upper)
    repeats = deleted_scores(frame, metric.function, seed)
    for label, limits, symmetric in (
        ("as it is", FREE, False),
        ("on the scale", metric.limits, True),
    ):
        scores = on_scale(repeats, limits)
        yield label, bootstrap_interval(scores, LEVEL, N_BOOTSTRAP, seed, symmetric)


def pair_intervals(
    a: Learned, b: Learned, seed: int
) -> Iterator[tuple[str, float, tuple[float, float]]]:
    """Return name, truth and interval of each way to say how two models differ."""
    truth = a.weights @ (a.risk - b.risk)
    yield "corrected t", truth, fold_interval(a.by_fold - b.by_fold)
    mse = METRICS["mse"].function
    scores = group_scores(a.frame, mse, seed) - group_scores(b.frame, mse, seed)
    blind = replace(scores, n_models=0)
    for name, paired, symmetric in (
        ("bootstrap, test rows alone", blind, True),
        ("bootstrap, symmetric", scores, True),
        ("bootstrap, equal tails", scores, False),
    ):
        interval = bootstrap_interval(paired, LEVEL, N_BOOTSTRAP, seed, symmetric)
        yield name, truth, interval


def one_draw(setting: Setting, seed: int) -> list[dict[str, object]]:
    """Draw one table and note for each interval whether it held, and its width."""
    rng = np.random.default_rng([seed, setting.n_groups])
    table = draw(setting, rng)
    fold = group_folds(table.group, rng)
    whole = list(range(FEATURES))
    model = cross_validate(table, whole, fold)
    poorer = cross_validate(table, whole[:-1], fold)
    idle = cross_validate(table, [*whole, FEATURES], fold)
    found = {
        "one model": model_intervals(table, model, seed),
        "poorer by a feature": pair_intervals(model, poorer, seed),
        "equal but for noise": pair_intervals(model, idle, seed),
    }
    return [
        {
            "kind": kind,
            "interval": name,
            "held": lower <= truth <= upper,
            "width": upper - lower,
        }
        for kind, intervals in found.items()
        for name, truth, (lower, upper) in intervals
    ]


def coverage(setting: Setting, n_draws: int) -> pd.DataFrame:
    """Count how often each interval holds, and how wide it is."""
    rows = [row for seed in range(n_draws) for row in one_draw(setting, seed)]
    by_interval = pd.DataFrame(rows).groupby(["kind", "interval"], sort=False)
    return by_interval.agg(
        held=("held", "mean"), width=("width", "mean"), median=("width", "median")
    )


def coverage_row(setting: Setting, n_draws: int) -> dict[str, object]:
    """Lay the coverage of one setting out as a row: percentages and widths."""
    table = coverage(setting, n_draws)
    row: dict[str, object] = {"table": setting.name, "groups": setting.n_groups}
    for (kind, interval), found in table.iterrows():
        row[f"{kind}|{interval}"] = 100 * found["held"]
        if interval in ("bootstrap, equal tails", "bootstrap, mse"):
            against = table.loc[(kind, "corrected t")]
            row[f"{kind}|width"] = found["width"] / against["width"]
            row[f"{kind}|median width"] = found["median"] / against["median"]
    return row


def rejections(n_groups: int, n_repeats: int, n_draws: int) -> dict[str, object]:
    """Count how often equal models are called different at the 5 % level.

    The two models see other features of the same strength, so that neither is better.
    """
    counts = np.zeros(3)
    first, second = list(range(1, FEATURES)), list(range(FEATURES - 1))
    for seed in range(n_draws):
        rng = np.random.default_rng([seed, n_groups, n_repeats])
        table = draw(Setting("", n_groups), rng)
        differences, frames = [], ([], [])
        for repeat in range(n_repeats):
            fold = group_folds(table.group, rng)
            a = cross_validate(table, first, fold)
            b = cross_validate(table, second, fold)
            differences.append(a.by_fold - b.by_fold)
            frames[0].append(a.frame.assign(repeat=repeat))
            frames[1].append(b.frame.assign(repeat=repeat))
        values = np.concatenate(differences)
        counts[0] += stats.ttest_1samp(values, 0.0).pvalue < 1 - LEVEL
        counts[1] += corrected_t_test(list(values), 0.25).p_value < 1 - LEVEL
        mse = METRICS["mse"].function
        left, right = (group_scores(pd.concat(part), mse, seed) for part in frames)
        low, high = bootstrap_interval(left - right, LEVEL, N_BOOTSTRAP, seed, False)
        counts[2] += not low <= 0.0 <= high
    shares = 100 * counts / n_draws
    return {
        "groups": n_groups,
        "folds": f"{n_repeats} x {N_FOLDS}",
        "paired t": shares[0],
        "corrected t": shares[1],
        "bootstrap over groups": shares[2],
    }


@dataclass(frozen=True)
class ClassSetting:
    """One kind of table with a class to predict."""

    n_groups: int
    effect: float  # of the first feature on the log odds; that of the second is half


CLASS_SETTINGS = [ClassSetting(n, e) for e in (1.0, 3.0) for n in (10, 20, 40)]
NEW_GROUPS, NEW_ROWS = 4000, 5
CLASSES = (0, 1)
AREA = Metric("auc", functools.partial(roc_auc, classes=CLASSES), limits=(0, 1))


def hit_rate(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    return float(np.mean((y_pred > 0.5) == y_true))


HITS = Metric("accuracy", hit_rate, limits=(0, 1))


def draw_classes(
    setting: ClassSetting, n_groups: int, size: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw features, a class with a random intercept, and groups."""
    group = np.repeat(np.arange(n_groups), size)
    X = rng.standard_normal((len(group), 4))
    log_odds = setting.effect * (X[:, 0] + 0.5 * X[:, 1])
    log_odds += rng.standard_normal(n_groups)[group]
    y = (log_odds + rng.logistic(size=len(group)) > 0).astype(float)
    return np.column_stack([np.ones(len(X)), X]), y, group


def class_draw(setting: ClassSetting, seed: int) -> list[dict[str, object]]:
    """Draw one table; the truth is what the same models score on many new groups."""
    rng = np.random.default_rng([seed, setting.n_groups])
    X, y, group = draw_classes(setting, setting.n_groups, 10, rng)
    fold = group_folds(group, rng)
    slopes = [
        np.linalg.lstsq(X[fold != k], y[fold != k], rcond=None)[0]
        for k in range(N_FOLDS)
    ]
    predicted = np.array([X @ b for b in slopes])
    table = Table(X, y, group, np.zeros(0))
    frame = prediction_frame(table, predicted, fold)
    new, happened, _ = draw_classes(setting, NEW_GROUPS, NEW_ROWS, rng)
    whose = rng.integers(0, N_FOLDS, len(new))
    given = np.choose(whose, [new @ b for b in slopes])
    return [
        {
            "interval": f"{label}, {metric.name}",
            "held": lower <= metric(happened, given) <= upper,
            "width": upper - lower,
            "outside": upper > 1.0 or lower < 0.0,
        }
        for metric in (AREA, HITS)
        for label, (lower, upper) in intervals(frame, metric, seed)
        if label != "on the scale"  # which is what flexcv does here
    ]


def class_row(setting: ClassSetting, n_draws: int) -> dict[str, object]:
    """Count how often intervals of shares hold, and how often they leave 0 to 1."""
    rows = [row for seed in range(n_draws) for row in class_draw(setting, seed)]
    found = pd.DataFrame(rows).groupby("interval", sort=False).mean()
    row: dict[str, object] = {"groups": setting.n_groups, "effect": setting.effect}
    for interval, counted in found.iterrows():
        row[interval] = 100 * counted["held"]
        row[f"{interval}: width"] = counted["width"]
        if interval.startswith("as it is"):
            row[f"{interval}: outside"] = 100 * counted["outside"]
    return row


SETTINGS = [
    *(Setting("even", n) for n in (10, 15, 20, 40, 80)),
    *(Setting("uneven", n, even=False) for n in (15, 20, 40, 80)),
    *(Setting("features between groups", n, feature_share=0.5) for n in (15, 20, 40)),
]


def markdown(table: pd.DataFrame) -> str:
    """Write a frame as a table of Markdown, numbers with one or two digits."""
    lines = ["| " + " | ".join(table.columns) + " |", "|" + " --- |" * table.shape[1]]
    for _, row in table.iterrows():
        cells = [_cell(name, value) for name, value in row.items()]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(name: str, value: object) -> str:
    if isinstance(value, float):
        return f"{value:.2f}" if "width" in name else f"{value:.1f}"
    return str(value)


def report(n_draws: int) -> str:
    """Run the study and write its page."""
    rows = pd.DataFrame([coverage_row(setting, n_draws) for setting in SETTINGS])
    tables = []
    for kind in ("one model", "poorer by a feature", "equal but for noise"):
        columns = [name for name in rows if name.startswith(kind)]
        part = rows[["table", "groups", *columns]]
        names = {name: name.split("|")[1] for name in columns}
        tables.append(markdown(part.rename(columns=names)))
    level = pd.DataFrame(
        [rejections(n, r, n_draws // 2) for n in (20, 40) for r in (1, 10)]
    )
    shares = pd.DataFrame(
        [class_row(setting, n_draws // 2) for setting in CLASS_SETTINGS]
    )
    error = 100 * np.sqrt(0.05 * 0.95 / n_draws)
    template = Path(__file__).with_suffix(".md").read_text()
    return template.format(
        draws=n_draws,
        half=n_draws // 2,
        error=f"{error:.1f}",
        model=tables[0],
        poorer=tables[1],
        equal=tables[2],
        level=markdown(level),
        shares=markdown(shares),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=1000, help="tables per setting")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    arguments = parser.parse_args()
    start = time.perf_counter()
    text = report(arguments.draws)
    print(text)
    print(f"({time.perf_counter() - start:.0f} s)")
    if arguments.write:
        PAGE.parent.mkdir(parents=True, exist_ok=True)
        PAGE.write_text(text)


if __name__ == "__main__":
    main()
