"""Groups of one class: no finite variance fits them, and every family says so."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from flexcv.errors import ConvergenceWarning
from flexcv.merf import MERF
from flexcv.models import (
    GeneralizedLinearMixedModel,
    MixedEffectsBoosting,
    NeuralMixedEffectsClassifier,
    PenalizedGeneralizedMixedModel,
)
from flexcv.models.design._effects import Columns
from flexcv.models.design.columns import learn_random
from flexcv.models.design.terms import RandomTerm
from flexcv.models.laplace.unbounded import WITHOUT_END, ended, link_spreads
from flexcv.models.penalties.likelihood import PenalisedLikelihood

FAMILIES = {
    "generalised": lambda: GeneralizedLinearMixedModel("g", family="binomial"),
    "penalised": lambda: PenalizedGeneralizedMixedModel("g", alpha=0.02),
    "boosting": lambda: MixedEffectsBoosting(
        "g", family="binomial", random_state=0, max_iterations=60
    ),
    "merf": lambda: MERF(
        LogisticRegression(),
        "g",
        family="binomial",
        random_state=0,
        max_iterations=3,
        tol=None,
    ),
    "neural": lambda: NeuralMixedEffectsClassifier("g", random_state=0, n_epochs=5),
}


def table_of(n_groups: int, n_rows: int = 6) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(1)
    z, g = rng.normal(size=n_groups), np.repeat(np.arange(n_groups), n_rows)
    x = rng.normal(size=len(g))
    of_group = z + 0.7 * rng.normal(size=n_groups) > 0
    return pd.DataFrame({"x": x, "z": z[g], "g": g}), of_group.astype(int)[g]


def told(model, X, y) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, y)
    return [str(w.message) for w in caught if w.category is ConvergenceWarning]


@pytest.mark.parametrize("name", FAMILIES)
def test_groups_of_one_class_are_told(name):
    model = FAMILIES[name]()
    assert WITHOUT_END in told(model, *table_of(30))
    assert not getattr(model, "converged_", False)


@pytest.mark.parametrize("name", FAMILIES)
def test_groups_of_both_classes_are_not(name):
    X, y = table_of(30)
    y[::3] = 1 - y[::3]
    assert WITHOUT_END not in told(FAMILIES[name](), X, y)


@pytest.mark.parametrize("n_groups", [6, 40])
def test_a_penalised_search_without_end_is_short(monkeypatch, n_groups):
    stands = []
    evaluate = PenalisedLikelihood.stand
    monkeypatch.setattr(
        PenalisedLikelihood,
        "stand",
        lambda *of: stands.append(0) or evaluate(*of),
    )
    model = PenalizedGeneralizedMixedModel("g", alpha=0.02, max_iterations=2)
    told(model, *table_of(n_groups))
    assert len(stands) < 1500


def test_penalised_columns_that_tell_all_classes_apart_have_an_end():
    X, y = table_of(6)
    model = PenalizedGeneralizedMixedModel(alpha=0.02, groups=None)
    model.fit(X[["x", "z"]], y)
    assert np.abs(model.predict_linear(X[["x", "z"]])).max() < 50.0


def test_a_spread_is_that_of_a_row_in_the_units_of_the_link():
    table = pd.DataFrame({"g": np.repeat([0, 1], 3), "hundreds": 100.0})
    _, design = learn_random(Columns(table), [RandomTerm("g", ("hundreds",))])
    small = np.array([[4.0, 0.0], [0.0, 0.0009]])
    assert link_spreads(design, [small]) == (pytest.approx(np.sqrt(13.0)),)
    np.testing.assert_allclose(ended(design, [small])[0], small)
    np.testing.assert_allclose(link_spreads(design, ended(design, [1e6 * small])), 12.0)
