"""Group variances and scores of MERF for two classes and for counts, by simulation.

Prints a Markdown table: per learner the estimated over the realised group variance, and
the score of new rows of known and of new groups beside the plain learner and the
generalised linear mixed model. Run it alone: ``python benchmarks/generalized_merf.py``.
"""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, PoissonRegressor
from sklearn.metrics import log_loss, mean_poisson_deviance

from flexcv.merf import MERF
from flexcv.models import GeneralizedLinearMixedModel

SEEDS = range(6)
DESIGNS = ((100, 20), (200, 8))
SMALL = {"max_iter": 60, "max_depth": 3}
LEARNERS = {
    "binomial": {
        "logistic regression": LogisticRegression(C=np.inf),
        "forest of classes": RandomForestClassifier(100, min_samples_leaf=5),
        "forest of the working response": RandomForestRegressor(
            100, min_samples_leaf=5
        ),
        "boosted classes": HistGradientBoostingClassifier(**SMALL),
        "boosted working response": HistGradientBoostingRegressor(**SMALL),
    },
    "poisson": {
        "Poisson regression": PoissonRegressor(alpha=0.0, max_iter=1000),
        "forest of rates": RandomForestRegressor(100, min_samples_leaf=5),
        "boosted rates": HistGradientBoostingRegressor(loss="poisson", **SMALL),
        "boosted working response": HistGradientBoostingRegressor(**SMALL),
    },
}


def drawn(seed, family, n_groups, n_rows):
    """Draw train and test rows of the same groups; f is a curve, a line and a step."""
    rng = np.random.default_rng(seed)
    n = n_groups * n_rows
    table = pd.DataFrame(rng.normal(size=(2 * n, 3)), columns=["a", "b", "c"])
    table["g"] = np.tile(np.repeat(np.arange(n_groups), n_rows), 2)
    effects = rng.normal(size=n_groups)
    fixed = (
        0.7 * table["a"] + 0.5 * (table["b"] ** 2 - 1) + 1.2 * (table["c"] > 0) - 0.6
    )
    if family == "binomial":
        y = rng.binomial(1, expit(fixed + effects[table["g"]]))
    else:
        y = rng.poisson(np.exp(0.6 * fixed - 0.5 + effects[table["g"]]))
    return table[:n], y[:n], table[n:], y[n:], effects.var()


def loss(model, family, table, y):
    if family == "binomial":
        return log_loss(y, model.predict_proba(table)[:, 1])
    return mean_poisson_deviance(y, model.predict(table))


def measured(learner, seed, family, design):
    """Return the variance's ratio, three losses and seconds for one table."""
    train, y, test, truth, realised = drawn(seed, family, *design)
    features = ["a", "b", "c"]
    start = time.process_time()
    if learner is None:
        mixed = GeneralizedLinearMixedModel("g", family=family, n_quadrature=9)
        plain = GeneralizedLinearMixedModel(family=family)
    else:
        mixed = MERF(learner, "g", family=family, random_state=seed)
        plain = MERF(learner, family=family, random_state=seed)
    mixed.fit(train, y)
    seconds = time.process_time() - start
    plain.fit(train[features], y)
    return (
        mixed.variance_components_["variance"][0] / realised,
        loss(mixed, family, test, truth),
        loss(mixed, family, test.assign(g=-1), truth),
        loss(plain, family, test[features], truth),
        seconds,
    )


def main():
    heads = ["outcome", "groups x rows", "fixed part", "variance / realised (sd)"]
    heads += ["known", "new", "plain", "CPU s"]
    print("| " + " | ".join(heads) + " |")
    print("| --- " * len(heads) + "|")
    for family, learners in LEARNERS.items():
        for design in DESIGNS:
            for name, learner in {"generalised linear": None, **learners}.items():
                rows = [measured(learner, seed, family, design) for seed in SEEDS]
                means, spread = np.mean(rows, axis=0), np.std(rows, axis=0)[0]
                cells = [family, f"{design[0]} x {design[1]}", name]
                cells += [f"{means[0]:.2f} ({spread:.2f})"]
                cells += [f"{value:.3f}" for value in means[1:4]] + [f"{means[4]:.1f}"]
                print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
