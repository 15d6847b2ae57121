"""How the error of new groups falls with known rows, beside refits, and what it costs.

Run it as `python benchmarks/known_rows.py [PART ...]`, with tables, refits and seconds
as parts; it prints the tables of docs/performance/known-rows.md.
"""

import sys
import time
import warnings

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Ridge, RidgeCV

from flexcv import CrossValidation
from flexcv.datasets import load_orthodont, load_pbc, load_radon, load_sleepstudy
from flexcv.merf import MERF
from flexcv.models import (
    DeepMixtureLMM,
    GeneralizedLinearMixedModel,
    LinearMixedEffectsModel,
    MixedEffectsBoosting,
    NeuralMixedEffectsRegressor,
    PenalizedLinearMixedModel,
)

IN_TIME = {"time_within": "groups"}
TABLES = {
    "reaction times of 18 drivers, days 5 to 9": (
        load_sleepstudy,
        ("Reaction", "Subject", "Days"),
        {"n_splits_out": 18, "time": "Days", "known_rows": range(6), **IN_TIME},
    ),
    "jaws of 27 children at age 14": (
        load_orthodont,
        ("distance", "Subject", "age"),
        {"n_splits_out": 27, "time": "age", "known_rows": range(4), **IN_TIME},
    ),
    "bilirubin of 144 patients after five visits": (
        load_pbc,
        ("log_bili", "patient", None),
        {"time": "year", "known_rows": (0, 1, 2, 3, 5), **IN_TIME},
    ),
    "radon in 20 counties with more than ten houses": (
        lambda: load_radon()[["log_radon", "floor", "log_uranium", "county"]],
        ("log_radon", "county", None),
        {"known_rows": (0, 1, 2, 5, 10)},
    ),
}


def tables():
    """Print the mean squared error of new groups by the number of known rows."""
    forest = RandomForestRegressor(
        100, min_samples_leaf=5, max_features=0.4, random_state=0
    )
    for title, (load, (target, groups, slopes), splits) in TABLES.items():
        table = load()
        X = table.drop(columns=target)
        categories = X.drop(columns=groups).select_dtypes("category")
        X[categories.columns] = categories.apply(lambda column: column.cat.codes)
        cv = CrossValidation().set_data(X, table[target], groups=groups, slopes=slopes)
        cv.set_splits("GroupKFold", metrics="mse", **splits)
        cv.add_model(RidgeCV, model_name="ridge regression")
        cv.add_model(LinearMixedEffectsModel, model_name="linear mixed model")
        cv.add_model(forest, model_name="forest", add_merf=True)
        curve = cv.perform().get_results().by_known_rows()
        wide = curve.set_index(["model", "known_rows"])["score"].unstack()  # noqa: PD010
        digits = 0 if wide.to_numpy().max() > 100 else 3
        print(f"| {title} | {' | '.join(map(str, wide.columns))} |")
        print(f"|{' --- |' * (1 + len(wide.columns))}")
        for model in curve["model"].unique():
            cells = " | ".join(f"{value:.{digits}f}" for value in wide.loc[model])
            print(f"| {model} | {cells} |")
        print()


def refits():
    """Print the error given known rows over that of refits with these rows."""
    print("| table | known rows | given the rows | refitted | ratio |")
    print(f"|{' --- |' * 5}")
    for title, (load, (target, groups, slopes), splits) in list(TABLES.items())[:2]:
        table, time_column = load(), splits["time"]
        largest = max(splits["known_rows"])
        place = table.groupby(groups, observed=True)[time_column].rank("first") - 1
        X, y, late = table.drop(columns=target), table[target], place >= largest
        for count in splits["known_rows"]:
            errors = []
            for label in table[groups].unique():
                own = table[groups].eq(label)
                known, asked = own & (place < count), own & late
                seen = ~own | known
                model = LinearMixedEffectsModel(groups, slopes).fit(X[~own], y[~own])
                given = model.predict(X[asked], known=(X[known], y[known]))
                refit = LinearMixedEffectsModel(groups, slopes).fit(X[seen], y[seen])
                pair = given, refit.predict(X[asked])
                errors.append([np.mean((y[asked] - found) ** 2) for found in pair])
            one, other = np.mean(errors, axis=0)
            name = title if count == 0 else ""
            ratio = one / other
            print(f"| {name} | {count} | {one:.4g} | {other:.4g} | {ratio:.4f} |")


def seconds():
    """Print CPU seconds of predicting 1 000 new groups, five rows of each known."""
    rng = np.random.default_rng(0)
    n_groups, each = 1200, 10
    group = np.repeat(np.arange(n_groups), each)
    table = pd.DataFrame(rng.normal(size=(len(group), 2)), columns=["x", "z"])
    table = table.assign(g=group, item=rng.integers(0, 50, len(group)))
    own = rng.normal(size=(n_groups, 2))[group]
    eta = table["x"] + own[:, 0] + 0.5 * own[:, 1] * table["x"]
    eta += rng.normal(size=50)[table["item"]]
    numbers = eta + rng.normal(size=len(group))
    labels = (rng.logistic(size=len(group)) < eta).astype(int)
    both = ("g", "item")
    candidates = {
        "linear, intercepts": (LinearMixedEffectsModel("g"), numbers),
        "linear, slopes": (LinearMixedEffectsModel("g", "x"), numbers),
        "linear, crossed with 50 items": (LinearMixedEffectsModel(both, "x"), numbers),
        "penalised": (PenalizedLinearMixedModel("g", "x", alpha=0.1), numbers),
        "MERF around ridge": (MERF(Ridge(), "g", "x"), numbers),
        "boosting": (MixedEffectsBoosting("g", "x", max_iterations=30), numbers),
        "neural": (NeuralMixedEffectsRegressor("g", "x", n_epochs=2), numbers),
        "mixture of curves": (
            DeepMixtureLMM("g", "x", n_components=(1,), n_basis=4),
            numbers,
        ),
        "logistic, slopes": (
            GeneralizedLinearMixedModel("g", "x", family="binomial"),
            labels,
        ),
        "logistic, crossed with 50 items": (
            GeneralizedLinearMixedModel(both, family="binomial"),
            labels,
        ),
    }
    train, place = group < 200, np.arange(len(group)) % each
    known, asked = ~train & (place < 5), ~train & (place >= 5)
    print("| model | CPU seconds, rows known | no row known |\n| --- | --- | --- |")
    for name, (model, y) in candidates.items():
        model.fit(table[train], y[train])
        start = time.process_time()
        model.predict(table[asked], known=(table[known], y[known]))
        middle = time.process_time()
        model.predict(table[asked])
        spent = middle - start, time.process_time() - middle
        print(f"| {name} | {spent[0]:.3f} | {spent[1]:.3f} |")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    parts = {part.__name__: part for part in (tables, refits, seconds)}
    for name in sys.argv[1:] or parts:
        parts[name]()
        print()
