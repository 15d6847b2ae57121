"""Penalised mixed models: coefficients found, variances, predictions and seconds.

Writes docs/performance/penalized.md. CPU seconds, one BLAS thread.

    python -m benchmarks.penalized [--quick]
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import LassoCV, LogisticRegressionCV
from sklearn.metrics import log_loss
from sklearn.model_selection import GroupKFold

from flexcv.errors import ConvergenceWarning
from flexcv.merf import MERF
from flexcv.models import (
    GeneralizedLinearMixedModel,
    LinearMixedEffectsModel,
    PenalizedGeneralizedMixedModel,
    PenalizedLinearMixedModel,
)

PAGE = Path(__file__).parents[1] / "docs" / "performance" / "penalized.md"
SEEDS, QUICK_SEEDS = 5, 2
N_GROUPS, N_ROWS, N_COLUMNS, N_CONSTANT = 100, 6, 200, 20
N_EFFECTS = 4  # of each kind: constant within groups, and not
NEW_GROUPS = 400


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """Training rows, further rows of known groups, rows of new groups; the truth."""

    train: pd.DataFrame
    known: pd.DataFrame
    new: pd.DataFrame
    beta: np.ndarray

    @staticmethod
    def parts(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
        """Return features with groups, and the target."""
        return table.drop(columns="y"), table["y"]


def draw(seed: int, *, binary: bool = False) -> Drawn:
    """Draw 100 groups of 6 rows, twice, and 400 new groups."""
    rng = np.random.default_rng(seed)
    beta = np.zeros(N_COLUMNS)
    beta[:N_EFFECTS] = beta[N_CONSTANT : N_CONSTANT + N_EFFECTS] = 1.0
    train, known = _table(rng, beta, N_GROUPS, 2 * N_ROWS, 0, binary=binary)
    new, _ = _table(rng, beta, NEW_GROUPS, N_ROWS, N_GROUPS, binary=binary)
    return Drawn(train, known, new, beta)


def _table(
    rng: np.random.Generator,
    beta: np.ndarray,
    n_groups: int,
    n_rows: int,
    first: int,
    *,
    binary: bool,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draw rows; every second one is handed out apart."""
    groups = np.repeat(np.arange(n_groups), n_rows)
    X = rng.normal(size=(len(groups), N_COLUMNS))
    X[:, :N_CONSTANT] = rng.normal(size=(n_groups, N_CONSTANT))[groups]
    eta = X @ beta + rng.normal(size=n_groups)[groups]
    noise = rng.logistic(size=len(eta)) if binary else rng.normal(size=len(eta))
    table = pd.DataFrame(X).add_prefix("x")
    table["g"], table["y"] = groups + first, eta + noise
    if binary:
        table["y"] = (table["y"] > 0).astype(int)
    return table.iloc[::2], table.iloc[1::2]


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What a method found: coefficients, variances, and how it predicts."""

    beta: np.ndarray
    predict: Callable[[pd.DataFrame], np.ndarray]
    sigma2: float = np.nan
    group: float = np.nan


def penalised(**options: object) -> Callable[[Drawn], Found]:
    def fit(drawn: Drawn) -> Found:
        model = PenalizedLinearMixedModel("g", **options).fit(*Drawn.parts(drawn.train))
        group, sigma2 = model.variance_components_["variance"]
        return Found(model.coef_, model.predict, sigma2, group)

    return fit


def wrapper(**options: object) -> Callable[[Drawn], Found]:
    def fit(drawn: Drawn) -> Found:
        model = MERF(LassoCV(cv=5), "g", **options).fit(*Drawn.parts(drawn.train))
        group, sigma2 = model.variance_components_["variance"]
        return Found(model.learner_.coef_, model.predict, sigma2, group)

    return fit


def ignoring(drawn: Drawn) -> Found:
    """Fit scikit-learn's lasso, tuned on held-out groups."""
    X, y = Drawn.parts(drawn.train)
    folds = GroupKFold(5, shuffle=True, random_state=0).split(X, y, X["g"])
    model = LassoCV(cv=list(folds)).fit(X.drop(columns="g"), y)
    return Found(model.coef_, lambda rows: model.predict(rows.drop(columns="g")))


def oracle(drawn: Drawn) -> Found:
    """Fit the mixed model with the true columns alone, by maximum likelihood."""
    X, y = Drawn.parts(drawn.train)
    names = [*X.columns[:-1][drawn.beta != 0.0], "g"]
    model = LinearMixedEffectsModel("g", reml=False).fit(X[names], y)
    beta = np.zeros(N_COLUMNS)
    beta[drawn.beta != 0.0] = model.coefficients_[1:]
    group, sigma2 = model.variance_components_["variance"]
    return Found(beta, lambda rows: model.predict(rows[names]), sigma2, group)


METHODS: dict[str, Callable[[Drawn], Found]] = {
    "`PenalizedLinearMixedModel`": penalised(),
    "the same, `variances='in_sample'`": penalised(variances="in_sample"),
    "the same, `variances='held_out_groups'`": penalised(variances="held_out_groups"),
    "the same, not standardised after whitening": penalised(standardise=False),
    "`MERF(LassoCV())`, one EM step a round, in-sample": wrapper(
        solver="em", fit_prediction="in_sample", tol=None, max_iterations=20
    ),
    "`MERF(LassoCV())`": wrapper(),
    "`LassoCV`, ignoring groups": ignoring,
    "mixed model of the 8 true columns": oracle,
}


def gaussian(seeds: int) -> str:
    """Return the table of the linear design."""
    rows = []
    for name, fit in METHODS.items():
        lines = [_line(fit, draw(seed)) for seed in range(seeds)]
        rows.append([name, *_shown(pd.DataFrame(lines))])
    columns = [
        *("method", "squared error of the coefficients", "found of 8"),
        *("of them constant in groups, of 4", "others selected"),
        *("error, known groups", "error, new groups"),
        *("residual variance", "group variance", "seconds"),
    ]
    return table_text(pd.DataFrame(rows, columns=columns))


def _line(fit: Callable[[Drawn], Found], drawn: Drawn) -> dict[str, float]:
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = fit(drawn)
    seconds = time.process_time() - start
    true, chosen = drawn.beta != 0.0, found.beta != 0.0
    errors = [
        float(np.mean((table["y"] - found.predict(table.drop(columns="y"))) ** 2))
        for table in (drawn.known, drawn.new)
    ]
    return {
        "error": float(np.sum((found.beta - drawn.beta) ** 2)),
        "found": float((true & chosen).sum()),
        "constant": float((true & chosen)[:N_CONSTANT].sum()),
        "others": float((chosen & ~true).sum()),
        "known": errors[0],
        "new": errors[1],
        "sigma2": found.sigma2,
        "group": found.group,
        "seconds": seconds,
    }


def _shown(lines: pd.DataFrame) -> list[str]:
    """Return means, and the range of the variances."""
    mean = lines.mean()
    figures = [f"{mean[name]:.3f}" if name == "error" else "" for name in lines]
    for place, name in enumerate(lines):
        if name in ("found", "constant", "others"):
            figures[place] = f"{mean[name]:.1f}"
        elif name in ("known", "new", "seconds"):
            figures[place] = f"{mean[name]:.2f}"
        elif name in ("sigma2", "group"):
            figures[place] = _with_range(lines[name])
    return figures


def _with_range(values: pd.Series) -> str:
    if values.isna().any():
        return "-"
    return f"{values.mean():.2f} ({values.min():.2f} to {values.max():.2f})"


def binary(seeds: int) -> str:
    """Return the table of the same design with two classes."""
    methods = {
        "`PenalizedGeneralizedMixedModel`": _mixed_classes,
        "`LogisticRegressionCV` (l1), ignoring groups": _plain_classes,
        "generalised mixed model of the 8 true columns": _oracle_classes,
    }
    rows: dict[str, list] = {name: [] for name in methods}
    for seed in range(seeds):
        drawn = draw(100 + seed, binary=True)
        for name, fit in methods.items():
            rows[name].append(fit(drawn))
    shown = []
    for name, lines in rows.items():
        mean = pd.DataFrame(lines)
        shown.append(
            [
                name,
                *(f"{mean[key].mean():.3f}" for key in ("error", "known", "new")),
                f"{mean['found'].mean():.1f}",
                _with_range(mean["group"]),
                f"{mean['seconds'].mean():.1f}",
            ]
        )
    columns = [
        *("method", "squared error of the coefficients", "log loss, known groups"),
        *("log loss, new groups", "found of 8", "group variance", "seconds"),
    ]
    return table_text(pd.DataFrame(shown, columns=columns))


def _mixed_classes(drawn: Drawn) -> dict[str, float]:
    X, y = Drawn.parts(drawn.train)
    start = time.process_time()
    model = PenalizedGeneralizedMixedModel("g").fit(X, y)
    seconds = time.process_time() - start
    group = float(model.variance_components_["variance"].iloc[0])
    return _class_line(drawn, model.coef_, model.predict_proba, group, seconds)


def _plain_classes(drawn: Drawn) -> dict[str, float]:
    X, y = Drawn.parts(drawn.train)
    folds = list(GroupKFold(5, shuffle=True, random_state=0).split(X, y, X["g"]))
    model = LogisticRegressionCV(
        Cs=20, l1_ratios=(1.0,), solver="liblinear", cv=folds,
        scoring="neg_log_loss", use_legacy_attributes=False, random_state=0,
    )  # fmt: skip
    start = time.process_time()
    model.fit(X.drop(columns="g"), y)
    seconds = time.process_time() - start

    def probabilities(rows: pd.DataFrame) -> np.ndarray:
        return model.predict_proba(rows.drop(columns="g"))

    return _class_line(drawn, model.coef_[0], probabilities, np.nan, seconds)


def _oracle_classes(drawn: Drawn) -> dict[str, float]:
    X, y = Drawn.parts(drawn.train)
    names = [*X.columns[:-1][drawn.beta != 0.0], "g"]
    start = time.process_time()
    model = GeneralizedLinearMixedModel("g").fit(X[names], y)
    seconds = time.process_time() - start
    beta = np.zeros(N_COLUMNS)
    beta[drawn.beta != 0.0] = model.coefficients_[1:]
    group = float(model.variance_components_["variance"].iloc[0])

    def probabilities(rows: pd.DataFrame) -> np.ndarray:
        return model.predict_proba(rows[names])

    return _class_line(drawn, beta, probabilities, group, seconds)


def _class_line(
    drawn: Drawn,
    beta: np.ndarray,
    probabilities: Callable[[pd.DataFrame], np.ndarray],
    group: float,
    seconds: float,
) -> dict[str, float]:
    losses = [
        log_loss(table["y"], probabilities(table.drop(columns="y"))[:, 1])
        for table in (drawn.known, drawn.new)
    ]
    return {
        "error": float(np.sum((beta - drawn.beta) ** 2)),
        "found": float(((drawn.beta != 0.0) & (beta != 0.0)).sum()),
        "known": losses[0],
        "new": losses[1],
        "group": group,
        "seconds": seconds,
    }


def wide() -> str:
    """Return seconds with 2 000 columns and 500 rows."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(500, 2000))).add_prefix("x")
    table["g"] = np.repeat(np.arange(50), 10)
    effects = rng.normal(size=50)[table["g"]]
    y = table.iloc[:, :8].sum(axis=1) + effects + rng.normal(size=500)
    rows = []
    for penalty in ("l1", "elasticnet", "l2"):
        line = [penalty]
        for alpha in (0.1, "cv"):
            start = time.process_time()
            PenalizedLinearMixedModel("g", penalty=penalty, alpha=alpha).fit(table, y)
            line.append(f"{time.process_time() - start:.1f} s")
        rows.append(line)
    columns = ["penalty", "one alpha", "alpha chosen among 100"]
    return table_text(pd.DataFrame(rows, columns=columns))


def table_text(frame: pd.DataFrame) -> str:
    """Return a frame as a Markdown table."""
    lines = [list(frame), ["---"] * len(frame.columns), *frame.astype(str).to_numpy()]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def page(seeds: int) -> str:
    """Measure everything and give the page."""
    return f"""# Penalised mixed models

`benchmarks/penalized.py` writes this page. CPU seconds, one BLAS thread, means of
{seeds} simulated tables; in brackets the smallest and the largest.

## The linear model

100 groups of 6 rows and 200 columns, of which 20 are constant within groups. Eight
effects are one, four of them of columns constant within groups. Residual and group
variance are one. The errors are mean squared errors of 600 more rows of the known
groups and of 2 400 rows of 400 new groups; the least possible for new groups is 2.

{gaussian(seeds)}

One table of 100 groups tells its group variance to within about 0.16 (one standard
deviation), so a single range says little; compare the means with the last line, which
knows the eight columns.

## Two classes

The same design, the target being whether the sum of effects, group and logistic noise
is positive. Log losses are of new rows.

{binary(seeds)}

## Many columns

500 rows in 50 groups, 2 000 columns.

{wide()}
"""


def main() -> None:
    """Print the page; write it unless the run is a quick one."""
    quick = "--quick" in sys.argv
    text = page(QUICK_SEEDS if quick else SEEDS)
    print(text)
    if not quick:
        PAGE.write_text(text)


if __name__ == "__main__":
    main()
