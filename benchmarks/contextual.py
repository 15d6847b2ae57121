"""How `between=` and its test do: level, power, what is lost and what is won.

Run it as `python benchmarks/contextual.py [PART ...]`, with level, power, nothing,
clinical and strangers as parts; it prints the tables of docs/performance/contextual.md.
"""

import sys
import warnings

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import GroupKFold, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from flexcv.datasets import load_pbc
from flexcv.errors import UnknownGroupsWarning
from flexcv.merf import MERF
from flexcv.models import LinearMixedEffectsModel, MixedEffectsBoosting
from flexcv.preprocessing import contextual_effects

DRAWS, TABLES = 2000, 20
DESIGNS = {
    "40 groups of 5, one feature": {"n_groups": 40, "sizes": (5, 6)},
    "60 groups of 2 to 9, one feature": {"n_groups": 60, "sizes": (2, 10)},
    "60 groups of 2 to 9, three features": {
        "n_groups": 60,
        "sizes": (2, 10),
        "n_features": 3,
    },
    "150 groups of 2 to 9, three features, noise and slopes that differ": {
        "n_groups": 150,
        "sizes": (2, 10),
        "n_features": 3,
        "uneven": True,
    },
}


def table_of(seed, n_groups, sizes, n_features=1, difference=0.0, uneven=False):
    """Draw features that vary between and within groups, and a target."""
    rng = np.random.default_rng([seed, n_groups, n_features])
    group = np.repeat(np.arange(n_groups), rng.integers(*sizes, n_groups))
    mean = rng.normal(size=(n_groups, n_features))
    x = mean[group] + rng.normal(size=(len(group), n_features))
    centre = pd.DataFrame(x).groupby(group).transform("mean").to_numpy()
    noise = rng.normal(size=len(group))
    slopes = 0.0
    if uneven:
        noise *= np.exp(0.5 * mean[group, 0])
        slopes = 0.5 * rng.normal(size=n_groups)[group] * x[:, 0]
    y = 0.5 * x.sum(axis=1) + difference * centre[:, 0] + slopes
    y += rng.normal(size=n_groups)[group] + noise
    names = [f"x{k}" for k in range(n_features)]
    return pd.DataFrame(x, columns=names), y, group


def share_found(draws, **design):
    """Count how often the test rejects."""
    found = (
        contextual_effects(*table_of(seed, **design)).differ for seed in range(draws)
    )
    return np.mean(list(found))


def level():
    """Print how often the test rejects where slopes do not differ."""
    print(f"| design | rejected at 5 %, {DRAWS} draws |\n| --- | --- |")
    for title, design in DESIGNS.items():
        print(f"| {title} | {100 * share_found(DRAWS, **design):.1f} % |", flush=True)


def power():
    """Print how often a difference of slopes is found."""
    print("| groups of 2 to 9 | .1 | .2 | .4 | .8 |\n| --- | --- | --- | --- | --- |")
    for n_groups in (30, 60, 150, 500):
        shares = [
            share_found(200, n_groups=n_groups, sizes=(2, 10), difference=d)
            for d in (0.1, 0.2, 0.4, 0.8)
        ]
        cells = " | ".join(f"{100 * share:.0f} %" for share in shares)
        print(f"| {n_groups} | {cells} |", flush=True)


def models(column):
    """Return each model without and with group means."""
    forest = RandomForestRegressor(100, min_samples_leaf=3, random_state=0)
    linear = LinearMixedEffectsModel(groups=column)
    merf = MERF(forest, groups=column, random_state=0)
    boosted = MixedEffectsBoosting(groups=column, random_state=0)
    pairs = {"linear mixed model": linear, "MERF": merf, "boosting": boosted}
    return {
        (name, told): clone(model).set_params(between="auto" if told else False)
        for name, model in pairs.items()
        for told in (False, True)
    }


def nothing():
    """Print what is lost on tables where slopes do not differ."""
    losses = {}
    for seed in range(TABLES):
        X, y, group = table_of(seed, 60, (2, 10), n_features=3)
        X_new, y_new, new = table_of(seed + 10**6, 200, (2, 10), n_features=3)
        scores = {}
        for key, model in models("id").items():
            if key[0] != "boosting":
                fitted = model.fit(X.assign(id=group), y)
                found = fitted.predict(X_new.assign(id=new + 10**6))
                scores[key] = r2_score(y_new, found)
        for name in ("linear mixed model", "MERF"):
            lost = scores[name, False] - scores[name, True]
            losses.setdefault(name, []).append(lost)
    print(f"| model | r2 lost, mean of {TABLES} tables | most |\n| --- | --- | --- |")
    for name, lost in losses.items():
        print(f"| {name} | {np.mean(lost):.4f} | {max(lost):.4f} |")


def nearly_constant(seed, n_groups, rows, share):
    """Draw features of which a share of the variance is between groups."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(n_groups), rows)
    x = np.sqrt(share) * rng.normal(size=(n_groups, 5))[group]
    x += np.sqrt(1.0 - share) * rng.normal(size=x.shape)
    truth = x[:, 0] + x[:, 1] + 0.7 * np.abs(x[:, 2])
    truth += 0.5 * x[:, 3] * (x[:, 4] > 0.0)
    y = truth + 1.5 * rng.normal(size=n_groups)[group] + rng.normal(size=len(group))
    return pd.DataFrame(x, columns=list("abcde")), y, group, truth


def strangers():
    """Print errors of the fixed part where features hardly vary within groups."""
    forest = RandomForestRegressor(100, min_samples_leaf=3, random_state=0)
    candidates = {
        "boosting, folds of whole groups": MixedEffectsBoosting("id", random_state=0),
        "boosting, folds of rows": MixedEffectsBoosting(
            "id", folds=KFold(5, shuffle=True, random_state=0), random_state=0
        ),
        "the same trees without groups": MixedEffectsBoosting(random_state=0),
        "forest without groups": forest,
    }
    shares, found = (0.99, 0.9, 0.5), {}
    for share in shares:
        for seed in range(TABLES):
            X, y, group, _ = nearly_constant(seed, 100, 8, share)
            new, _, ids, truth = nearly_constant(seed + 1000, 500, 2, share)
            for name, model in candidates.items():
                given = "groups" in name.replace("without groups", "")
                given = given or "rows" in name
                rows = X.assign(id=group) if given else X
                tested = new.assign(id=ids + 10**6) if given else new
                loss = np.mean((model.fit(rows, y).predict(tested) - truth) ** 2)
                found.setdefault((name, share), []).append(loss)
    heads = " | ".join(f"{100 * share:.0f} %" for share in shares)
    print(f"| between groups: | {heads} |\n|{' --- |' * (1 + len(shares))}")
    for name in candidates:
        cells = " | ".join(f"{np.mean(found[name, share]):.2f}" for share in shares)
        print(f"| {name} | {cells} |")


def clinical():
    """Print r2 of new patients on the clinical table, five folds."""
    table = load_pbc()
    X, y = table.drop(columns="log_bili"), table["log_bili"]
    plain = {
        ("ridge regression", False): make_pipeline(StandardScaler(), Ridge()),
        ("forest", False): RandomForestRegressor(
            100, min_samples_leaf=3, random_state=0
        ),
    }
    found = {}
    folds = GroupKFold(5, shuffle=True, random_state=42).split(X, y, X["patient"])
    for train, test in folds:
        for key, model in {**plain, **models("patient")}.items():
            rows = X.drop(columns="patient") if key in plain else X
            fitted = clone(model).fit(rows.iloc[train], y.iloc[train])
            score = r2_score(y.iloc[test], fitted.predict(rows.iloc[test]))
            found.setdefault(key, []).append(score)
    print('| model | r2 of new patients | with `between="auto"` |\n| --- | --- | --- |')
    for name, told in found:
        if not told:
            both = [found.get((name, kind)) for kind in (False, True)]
            cells = ["" if s is None else f"{np.mean(s):.2f}" for s in both]
            print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    warnings.simplefilter("ignore", UnknownGroupsWarning)
    parts = {
        part.__name__: part for part in (level, power, nothing, clinical, strangers)
    }
    for name in sys.argv[1:] or parts:
        parts[name]()
        print()
