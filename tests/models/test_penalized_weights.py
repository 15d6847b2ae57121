"""Weights and intervals of penalised models."""

import numpy as np
import pandas as pd
import pytest

from flexcv.models import (
    LinearMixedEffectsModel,
    PenalizedGeneralizedMixedModel,
    PenalizedLinearMixedModel,
)


def table_of(seed=0, n_groups=12, n_rows=10, n_columns=4, p=None):
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(n_groups), n_rows)
    n = len(g)
    table = pd.DataFrame(rng.normal(size=(n, n_columns))).add_prefix("x").assign(g=g)
    signal = 2 * table["x0"] - table["x1"] + 1.5 * rng.normal(size=n_groups)[g]
    weights = rng.integers(1, 4, n).astype(float) if p is None else p
    return table, signal.to_numpy(), weights, rng


def test_weights_are_precisions_as_in_the_linear_mixed_model():
    table, signal, weights, rng = table_of()
    y = signal + rng.normal(size=len(table)) / np.sqrt(weights)
    plain = LinearMixedEffectsModel("g", reml=False).fit(table, y, weights)
    free = PenalizedLinearMixedModel("g", alpha=0.0).fit(table, y, weights)
    np.testing.assert_allclose(free.predict(table), plain.predict(table), atol=1e-6)
    np.testing.assert_allclose(free.sigma_, plain.sigma_, rtol=1e-6)
    np.testing.assert_allclose(
        free.variance_components_["variance"],
        plain.variance_components_["variance"],
        rtol=1e-5,
    )


@pytest.mark.parametrize("alpha", [0.1, "cv"])
def test_precisions_times_a_constant_change_nothing_but_sigma(alpha):
    table, signal, weights, rng = table_of()
    y = signal + rng.normal(size=len(table))
    one, four = (
        PenalizedLinearMixedModel("g", alpha=alpha).fit(table, y, times * weights)
        for times in (1.0, 4.0)
    )
    np.testing.assert_allclose(four.predict(table), one.predict(table), atol=1e-9)
    assert four.sigma_ == pytest.approx(2.0 * one.sigma_)


@pytest.mark.parametrize("family", ["binomial", "poisson"])
@pytest.mark.parametrize("alpha", [0.0, 0.05])
def test_a_count_of_two_is_two_rows(family, alpha):
    table, signal, weights, rng = table_of()
    y = rng.poisson(np.exp(0.4 * signal))
    y = (y > 1).astype(int) if family == "binomial" else y
    times = weights.astype(int)
    options = {"family": family, "alpha": alpha, "variances": "in_sample"}
    weighted = PenalizedGeneralizedMixedModel("g", **options).fit(table, y, weights)
    longer = table.loc[np.repeat(table.index, times)].reset_index(drop=True)
    repeated = PenalizedGeneralizedMixedModel("g", **options)
    repeated.fit(longer, np.repeat(y, times))
    np.testing.assert_allclose(
        weighted.predict_linear(table), repeated.predict_linear(table), atol=1e-5
    )


@pytest.mark.parametrize(
    "make", [PenalizedLinearMixedModel, PenalizedGeneralizedMixedModel]
)
def test_ones_are_no_weights_and_zero_is_no_row(make):
    table, signal, _, rng = table_of()
    y = (signal + rng.normal(size=len(table)) > 0).astype(float)
    kept = np.arange(len(table)) % 7 > 0
    plain = make("g", alpha=0.05).fit(table[kept], y[kept])
    weighted = make("g", alpha=0.05).fit(table, y, kept.astype(float))
    np.testing.assert_allclose(weighted.coef_, plain.coef_, atol=1e-8)


def test_intervals_hold_as_many_new_rows_as_they_say():
    inside = {"known": [], "new": []}
    for seed in range(40):
        table, signal, _, rng = table_of(seed, 20, 9, 25)
        y = signal + rng.normal(size=len(table))
        train = np.arange(len(table)) % 9 < 6
        train &= table["g"].to_numpy() < 15
        model = PenalizedLinearMixedModel("g").fit(table[train], y[train])
        made = model.predict_interval(table[~train], level=0.9)
        held = made["lower"].le(y[~train]) & made["upper"].ge(y[~train])
        known = table["g"][~train] < 15
        inside["known"] += held[known].tolist()
        inside["new"] += held[~known].tolist()
    assert 0.87 < np.mean(inside["known"]) < 0.93
    assert 0.82 < np.mean(inside["new"]) < 0.96  # the rows of a group share their luck


def test_intervals_of_precise_rows_know_their_group_better():
    table, signal, _, rng = table_of()
    y = signal + rng.normal(size=len(table))
    weights = np.where(table["g"] == 0, 100.0, 1.0)
    model = PenalizedLinearMixedModel("g", alpha=0.1).fit(table, y, weights)
    made = model.predict_interval(table)
    width = (made["upper"] - made["lower"]).groupby(table["g"]).mean()
    assert width[0] < width[1]
