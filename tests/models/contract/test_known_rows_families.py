"""Known rows of labels and counts: modes as in training, in every family."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.linalg import block_diag
from scipy.optimize import minimize
from sklearn.ensemble import RandomForestClassifier

from flexcv.merf import MERF
from flexcv.models import (
    DeepMixtureLMM,
    GeneralizedLinearMixedModel,
    MixedEffectsBoosting,
    NeuralMixedEffectsClassifier,
    NeuralMixedEffectsRegressor,
    PenalizedGeneralizedMixedModel,
)
from flexcv.models.design._effects import Columns

SMALL = {"random_state": 0}
OTHERS = {
    "glmm": lambda **g: GeneralizedLinearMixedModel(family="binomial", **g),
    "penalised": lambda **g: PenalizedGeneralizedMixedModel(alpha=0.02, **g),
    "merf": lambda **g: MERF(
        RandomForestClassifier(20, random_state=0), family="binomial", **SMALL, **g
    ),
    "boosting": lambda **g: MixedEffectsBoosting(
        family="binomial", max_iterations=20, **SMALL, **g
    ),
    "neural": lambda **g: NeuralMixedEffectsClassifier(n_epochs=2, **SMALL, **g),
}


def table_of(kind="binomial", n_groups=24, n_each=12):
    """Draw labels or counts of groups that meet items."""
    rng = np.random.default_rng(3)
    n = n_groups * n_each
    table = pd.DataFrame(
        {
            "x": rng.normal(size=n),
            "g": np.repeat(np.arange(n_groups), n_each),
            "item": rng.integers(0, 5, n),
        }
    )
    eta = 0.3 + 0.5 * table.x + rng.normal(size=n_groups)[table.g]
    eta += 0.6 * rng.normal(size=5)[table["item"]]
    if kind == "poisson":
        return table, pd.Series(rng.poisson(np.exp(eta)).astype(float))
    return table, pd.Series(np.where(rng.logistic(size=n) < eta, "yes", "no"))


def fitted(model, table, y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(table, y)


@pytest.mark.parametrize("kind", ["binomial", "poisson", "gamma"])
@pytest.mark.parametrize("slopes", [(), "x"])
def test_all_rows_of_a_group_give_the_effects_that_training_gave(kind, slopes):
    table, y = table_of("poisson" if kind != "binomial" else kind)
    y = y + 0.5 if kind == "gamma" else y
    model = GeneralizedLinearMixedModel(groups="g", slopes=slopes, family=kind)
    fitted(model, table, y)
    own = table.g == 5

    given = model._mean(table[own].assign(g=99), (table[own].assign(g=99), y[own]))

    assert np.abs(given / model.predict_mean(table[own]) - 1.0).max() < 1e-7


def test_quadrature_keeps_the_mode_that_training_predicts_with():
    table, y = table_of()
    model = GeneralizedLinearMixedModel("g", family="binomial", n_quadrature=9)
    fitted(model, table, y)
    own, new = table[table.g == 5], table[table.g == 5].assign(g=99)

    given = model.predict_proba(new, known=(new, y[own.index]))

    assert np.abs(given - model.predict_proba(own)).max() < 1e-8


@pytest.mark.parametrize("family", OTHERS)
@pytest.mark.parametrize("groups", ["g", ("g", "item")], ids=str)
def test_known_labels_give_the_largest_joint_density(family, groups):
    table, y = table_of()
    train, place = (table.g < 18).to_numpy(), np.arange(len(y)) % 12
    model = fitted(OTHERS[family](groups=groups), table[train], y[train])
    known, asked = ~train & (place < 8), ~train & (place > 7)

    given = model.predict_proba(table[asked], known=(table[known], y[known]))[:, 1]

    before = model._linear(Columns(table), model.random_encoder_.design(Columns(table)))
    z = [(table.g.to_numpy()[:, None] == np.arange(18, 24)).astype(float)]
    c = [model.random_part_.covariances[0][0, 0] * np.eye(6)]
    if groups != "g":
        items = model.random_encoder_.factors[1].levels.to_numpy()
        z.append((table["item"].to_numpy()[:, None] == items).astype(float))
        c.append(model._level_spread().joint_of([np.arange(0), np.arange(5)]))
    z, root = np.hstack(z), np.linalg.cholesky(block_diag(*c))
    sign = np.where(y == "yes", 1.0, -1.0)[known]

    def lost(u):
        eta = before[known] + z[known] @ root @ u
        return np.logaddexp(0.0, -sign * eta).sum() + 0.5 * u @ u

    u = minimize(lost, np.zeros(len(root)), tol=1e-10).x
    expected = 1.0 / (1.0 + np.exp(-before[asked] - z[asked] @ root @ u))
    assert np.abs(given - expected).max() < 1e-5
    labels = model.predict(table[asked], known=(table[known], y[known]))
    assert (labels == np.where(given > 0.5, "yes", "no")).all()


def test_known_rows_of_trained_groups_are_near_a_refit_with_them():
    table, y = table_of()
    model = GeneralizedLinearMixedModel(("g", "item"), family="binomial")
    train = np.arange(len(y)) % 12 < 8
    fitted(model, table[train], y[train])
    asked, known = table[~train], (table[~train], y[~train])

    given, before = model.predict_proba(asked, known), model.predict_proba(asked)

    refit = fitted(
        GeneralizedLinearMixedModel(("g", "item"), family="binomial"), table, y
    )
    aim = refit.predict_proba(asked)
    assert np.abs(given - aim).mean() < 0.5 * np.abs(before - aim).mean()


def test_known_counts_reach_a_network():
    table, y = table_of("poisson")
    train = table.g < 18
    model = NeuralMixedEffectsRegressor("g", family="poisson", n_epochs=2, **SMALL)
    fitted(model, table[train], y[train])
    known, asked = ~train & (table.index % 12 < 8), ~train & (table.index % 12 > 7)

    given = model.predict(table[asked], known=(table[known], y[known]))

    errors = [
        np.mean((y[asked] - predicted) ** 2)
        for predicted in (given, model.predict(table[asked]))
    ]
    assert errors[0] < 0.8 * errors[1]


def test_shares_of_known_rows_need_their_trials():
    table, _ = table_of()
    table["n"] = 10.0
    rng = np.random.default_rng(0)
    y = rng.binomial(10, 0.4, len(table)) / 10
    model = GeneralizedLinearMixedModel("g", family="binomial", weights="n")
    fitted(model, table, y)
    new = table.head(12).assign(g=99)

    given = model.predict(new, known=(new, y[:12]))

    assert np.abs(given - model.predict(table.head(12))).max() < 1e-7


def test_a_label_that_training_did_not_have_is_refused():
    table, y = table_of()
    model = fitted(OTHERS["glmm"](groups="g"), table, y)

    with pytest.raises(ValueError) as caught:
        model.predict(table, known=(table.head(1), ["perhaps"]))

    assert str(caught.value) == (
        "the outcome of known rows must be 'no' or 'yes' as in training, got "
        "'perhaps'; drop these rows or recode them."
    )


def test_curves_take_known_rows_by_the_name_of_all_models():
    table, _ = table_of()
    rng = np.random.default_rng(0)
    y = table.x + rng.normal(size=24)[table.g] + 0.3 * rng.normal(size=len(table))
    model = DeepMixtureLMM("g", "x", n_components=(1,), n_basis=4, random_state=0)
    fitted(model, table[table.g < 20], y[table.g < 20])
    own = table[table.g == 22]
    pair = (own.head(6), y[own.head(6).index])

    given = model.predict(own.tail(6), known=pair)

    assert np.array_equal(given, model.predict(own.tail(6), condition_on=pair))
    with pytest.raises(TypeError, match="two names of one thing"):
        model.predict(own, condition_on=pair, known=pair)
