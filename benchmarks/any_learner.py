"""Any learner with random effects: each through MERF, beside itself without.

Run ``python benchmarks/any_learner.py [gaussian] [binomial]`` with one thread of BLAS;
the tables are printed and written to docs/performance/boosting.md.
"""

from __future__ import annotations

import importlib.util
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss, mean_squared_error
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import SplineTransformer, StandardScaler
from sklearn.svm import SVC, SVR
from xgboost import XGBClassifier, XGBRegressor

sys.path[:0] = [str(Path(__file__).parent)]

from _boosting_page import table, write_section
from _merf_designs import Design, Draw, Drawn, draw, rough

from flexcv.errors import ConvergenceWarning
from flexcv.merf import MERF
from flexcv.models import MixedEffectsBoosting

N_GROUPS, N_ROWS, N_TEST = 80, 12, 20
SEEDS = range(2)
OWN = "boosting with random effects"  # needs no MERF around it
Learners = dict[str, Any]


def regressors(n_trees: int = 100) -> Learners:
    """Return the regressors of the table."""
    trees = {"random_state": 0, "min_samples_leaf": 3}
    found = {
        "linear (ridge)": Ridge(),
        "bagged trees": BaggingRegressor(n_estimators=n_trees, random_state=0),
        "random forest": RandomForestRegressor(n_trees, **trees),
        "extra trees": ExtraTreesRegressor(n_trees, **trees),
        "support vectors": SVR(C=10.0),
        "nearest neighbours": KNeighborsRegressor(7),
        "neural network": MLPRegressor(
            hidden_layer_sizes=(32,), random_state=0, max_iter=150
        ),
        "HistGradientBoosting": HistGradientBoostingRegressor(
            max_iter=n_trees, random_state=0
        ),
        "XGBoost": XGBRegressor(
            n_estimators=n_trees, max_depth=3, learning_rate=0.1, n_jobs=1
        ),
        "pipeline: splines, ridge": make_pipeline(SplineTransformer(), Ridge()),
        "pipeline: scaled support vectors": make_pipeline(
            StandardScaler(), SVR(C=10.0)
        ),
    }
    if importlib.util.find_spec("lightgbm"):
        found["LightGBM"] = _lightgbm("LGBMRegressor", n_trees)
    return found


def classifiers(n_trees: int = 100) -> Learners:
    """Return the classifiers of the table."""
    trees = {"random_state": 0, "min_samples_leaf": 3}
    found = {
        "linear (logistic)": LogisticRegression(),
        "bagged trees": BaggingClassifier(n_estimators=n_trees, random_state=0),
        "random forest": RandomForestClassifier(n_trees, **trees),
        "extra trees": ExtraTreesClassifier(n_trees, **trees),
        "support vectors, calibrated": CalibratedClassifierCV(SVC(), ensemble=False),
        "nearest neighbours": KNeighborsClassifier(25),
        "neural network": MLPClassifier(
            hidden_layer_sizes=(32,), random_state=0, max_iter=150
        ),
        "HistGradientBoosting": HistGradientBoostingClassifier(
            max_iter=30, random_state=0
        ),
        "XGBoost": XGBClassifier(
            n_estimators=50, max_depth=3, learning_rate=0.1, n_jobs=1
        ),
        "pipeline: splines, logistic": make_pipeline(
            SplineTransformer(), LogisticRegression()
        ),
    }
    if importlib.util.find_spec("lightgbm"):
        found["LightGBM"] = _lightgbm("LGBMClassifier", 30)
    return found


def _lightgbm(name: str, n_trees: int) -> Any:
    kind = getattr(importlib.import_module("lightgbm"), name)
    return kind(n_estimators=n_trees, num_leaves=15, n_jobs=1, verbose=-1)


def scores(
    family: str, learners: Learners, drawn: Draw, *, with_own: bool = True
) -> pd.DataFrame:
    """Return the losses of each learner alone and with random effects.

    Parameters
    ----------
    family
        ``"gaussian"`` (mean squared error) or ``"binomial"`` (log loss).
    learners
        Regressors or classifiers by name.
    drawn
        Training rows, new rows of their groups, and rows of new groups.
    with_own
        Whether boosting with random effects gets a row.

    Returns
    -------
    One row per learner: known, known_mixed, new, new_mixed, seconds.
    """
    rows = {}
    for name, learner in learners.items():
        plain, _ = _fitted(clone(learner), drawn.train, grouped=False)
        settings = {} if family == "gaussian" else {"family": family}
        mixed = MERF(clone(learner), "group", random_state=0, **settings)
        rows[name] = _row(family, drawn, plain, *_fitted(mixed, drawn.train))
    if with_own:
        model = MixedEffectsBoosting("group", family=family, random_state=0)
        rows[OWN] = _row(family, drawn, None, *_fitted(model, drawn.train))
    return pd.DataFrame(rows).T


def _fitted(model: Any, train: Drawn, *, grouped: bool = True) -> tuple[Any, float]:
    began = time.process_time()
    model.fit(train.table if grouped else train.features, train.target)
    return model, time.process_time() - began


def _row(
    family: str, drawn: Draw, plain: Any, mixed: Any, seconds: float
) -> dict[str, float]:
    row = {}
    for kind, rows in (("known", drawn.known), ("new", drawn.new)):
        row[kind] = np.nan
        if plain is not None:
            row[kind] = LOSSES[family](plain, rows.features, rows.target)
        row[f"{kind}_mixed"] = LOSSES[family](mixed, rows.table, rows.target)
    return row | {"seconds": seconds}


def _squared(model: Any, X: pd.DataFrame, y: np.ndarray) -> float:
    return float(mean_squared_error(y, model.predict(X)))


def _log_loss(model: Any, X: pd.DataFrame, y: np.ndarray) -> float:
    return float(log_loss(y, model.predict_proba(X)[:, 1]))


LOSSES: dict[str, Callable[[Any, pd.DataFrame, np.ndarray], float]] = {
    "gaussian": _squared,
    "binomial": _log_loss,
}
LEARNERS = {"gaussian": regressors, "binomial": classifiers}


def drawn_table(
    family: str, seed: int, n_groups: int = N_GROUPS, n_rows: int = N_ROWS
) -> Draw:
    """Draw the tree-friendly design, for classes on the scale of the logit."""
    if family == "gaussian":
        design = Design(family, rough, n_groups, n_rows, intercept=4.5)
        return draw(design, seed, N_TEST)
    design = Design(
        family,
        lambda x: 0.5 * rough(x) - 1.0,
        n_groups,
        n_rows,
        intercept=2.0,
        noise=0.0,
    )
    rng = np.random.default_rng(1000 + seed)
    drawn = draw(design, seed, N_TEST)
    return Draw(
        *(_classes(rows, rng) for rows in (drawn.train, drawn.known, drawn.new))
    )


def _classes(rows: Drawn, rng: np.random.Generator) -> Drawn:
    chance = 1.0 / (1.0 + np.exp(-rows.target))
    labels = (rng.random(len(chance)) < chance).astype(int)
    return Drawn(rows.table, labels, rows.random)


def section(family: str) -> str:
    """Return the table of one family."""
    draws = [drawn_table(family, seed) for seed in SEEDS]
    each = [scores(family, LEARNERS[family](), drawn) for drawn in draws]
    mean = sum(each) / len(each)
    lines = [_line(str(name), row) for name, row in mean.iterrows()]
    what = "Mean squared error" if family == "gaussian" else "Log loss"
    head = (
        "learner",
        "known groups, alone",
        "known groups, with effects",
        "gain",
        "new groups, alone",
        "new groups, with effects",
        "CPU s",
    )
    return f"""## Any learner, {family} targets

{what} on new rows; {N_GROUPS} groups of {N_ROWS} training rows and {N_TEST} test rows,
the tree-friendly design, means of {len(SEEDS)} draws. Every learner runs through
`MERF(learner, "group")`; the last line is `MixedEffectsBoosting`.

{table(head, lines)}
"""


def _line(name: str, row: pd.Series) -> tuple[str, ...]:
    alone = np.isfinite(row["known"])
    gain = f"{100 * (1 - row['known_mixed'] / row['known']):.0f} %" if alone else ""
    return (
        name,
        f"{row['known']:.3f}" if alone else "",
        f"{row['known_mixed']:.3f}",
        gain,
        f"{row['new']:.3f}" if alone else "",
        f"{row['new_mixed']:.3f}",
        f"{row['seconds']:.1f}",
    )


def main(families: list[str]) -> None:
    """Write the tables of the families named, all by default."""
    warnings.simplefilter("ignore", ConvergenceWarning)  # networks of few epochs
    warnings.filterwarnings("ignore", category=UserWarning, module="sklearn")
    for family in families or LEARNERS:
        began = time.process_time()
        text = section(family)
        write_section(f"any_{family}", text)
        print(text, f"\n{time.process_time() - began:.0f} CPU s\n", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
