"""The generalised linear mixed model as an estimator."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from flexcv.models import GeneralizedLinearMixedModel

QUIET = [
    pytest.mark.filterwarnings(f"ignore::flexcv.errors.{name}")
    for name in ("SeparationWarning", "ConvergenceWarning", "RankDeficiencyWarning")
]


def table_of(kind="binary", seed=0, groups=40, each=15) -> pd.DataFrame:
    """Give two features, a grouping column and a target."""
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(groups), each)
    table = pd.DataFrame({"x": rng.normal(size=len(g)), "z": rng.normal(size=len(g))})
    table["g"] = [f"g{k:03d}" for k in g]
    eta = 0.4 + 0.8 * table["x"] - 0.5 * table["z"] + rng.normal(size=groups)[g]
    mu = np.exp(eta)
    table["y"] = {
        "binary": lambda: 1 * (rng.random(len(g)) < 1 / (1 + np.exp(-eta))),
        "count": lambda: rng.poisson(mu),
        "spread": lambda: rng.negative_binomial(1.5, 1.5 / (1.5 + mu)),
        "positive": lambda: rng.gamma(2.0, mu / 2.0),
    }[kind]()
    return table


KINDS = {
    "binomial": "binary",
    "poisson": "count",
    "negative_binomial": "spread",
    "gamma": "positive",
}


def fitted(kind="binary", **options) -> GeneralizedLinearMixedModel:
    family = {v: k for k, v in KINDS.items()}[kind]
    table = table_of(kind)
    options = {"groups": "g", "family": family} | options
    model = GeneralizedLinearMixedModel(**options)
    return model.fit(table.drop(columns="y"), table["y"])


COUNTS = "a Poisson target holds whole numbers, and this check passes broken ones"


def broken_counts(estimator):
    return {}


@pytest.mark.filterwarnings("ignore::flexcv.errors.SeparationWarning")
@pytest.mark.filterwarnings("ignore::flexcv.errors.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore::flexcv.errors.RankDeficiencyWarning")
@parametrize_with_checks(
    [
        GeneralizedLinearMixedModel(),
        GeneralizedLinearMixedModel(family="gamma"),
        GeneralizedLinearMixedModel(family="poisson"),
    ],
    expected_failed_checks=broken_counts,
)
def test_scikit_learn_accepts_the_estimator_without_groups(estimator, check) -> None:
    check(estimator)
