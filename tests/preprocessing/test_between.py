import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from flexcv.datasets import load_pbc
from flexcv.errors import ModelError
from flexcv.merf import MERF
from flexcv.models import (
    DeepMixtureLMM,
    GeneralizedLinearMixedModel,
    LinearMixedEffectsModel,
    MixedEffectsBoosting,
    PenalizedGeneralizedMixedModel,
    PenalizedLinearMixedModel,
)

FAMILIES = {
    "linear": LinearMixedEffectsModel(groups="id"),
    "slopes": LinearMixedEffectsModel(groups="id", slopes="x"),
    "formula": LinearMixedEffectsModel(formula="y ~ x + z + (1 | id)"),
    "generalised": GeneralizedLinearMixedModel(family="binomial", groups="id"),
    "penalised": PenalizedLinearMixedModel(alpha=0.1, groups="id"),
    "penalised classes": PenalizedGeneralizedMixedModel(
        family="binomial", alpha=0.1, groups="id"
    ),
    "boosted": MixedEffectsBoosting(groups="id", max_iterations=10, random_state=0),
    "mixture": DeepMixtureLMM(groups="id", time="t", random_state=0),
    "MERF of classes": MERF(
        LogisticRegression(), groups="id", family="binomial", max_iterations=3
    ),
}


def table_of(seed=0, n_groups=40, difference=2.0):
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(n_groups), 6)
    mean = rng.normal(size=n_groups)[group]
    x, z = mean + rng.normal(size=len(group)), rng.normal(size=len(group))
    centre = pd.Series(x).groupby(group).transform("mean").to_numpy()
    y = 0.3 * x + difference * centre + 0.5 * rng.normal(size=n_groups)[group]
    y = pd.Series(y + 0.5 * rng.normal(size=len(group)), name="y")
    days = np.tile(np.arange(6.0), n_groups)
    return pd.DataFrame({"x": x, "z": z, "t": days, "id": group}), y


def target_for(model, y):
    return y > y.median() if getattr(model, "family", None) == "binomial" else y


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_learns_from_means_as_if_they_were_columns(name):
    X, y = table_of()
    model = clone(FAMILIES[name])
    y = target_for(model, y)
    rows = X.sample(frac=0.5, random_state=1).assign(id=lambda t: t["id"] + 20)
    told = model.set_params(between=True).fit(X, y)
    added = told.group_means_
    by_hand = clone(FAMILIES[name])
    if name == "formula":
        means = " + ".join(mean for _, mean in added.named if mean != "t_mean")
        by_hand.set_params(formula=f"y ~ x + z + {means} + (1 | id)")
    by_hand.fit(pd.concat([X, added.means(X)], axis=1), y)
    wanted = by_hand.predict(pd.concat([rows, added.means(rows)], axis=1))
    np.testing.assert_array_equal(told.predict(rows), wanted)
    assert "x_mean" in [mean for _, mean in added.named]


def test_auto_adds_means_where_slopes_differ():
    X, y = table_of(difference=2.0)
    found = LinearMixedEffectsModel(groups="id", between="auto").fit(X, y)
    assert found.contextual_effects_.differ
    assert "x_mean" in found.fixed_effects_.index
    X, y = table_of(seed=3, difference=0.0)
    nothing = LinearMixedEffectsModel(groups="id", between="auto").fit(X, y)
    plain = LinearMixedEffectsModel(groups="id").fit(X, y)
    assert not nothing.contextual_effects_.differ
    np.testing.assert_array_equal(nothing.predict(X), plain.predict(X))


@pytest.mark.parametrize("model", [LinearMixedEffectsModel(), MERF(Ridge())])
def test_without_groups_there_is_no_between(model):
    X, y = table_of()
    with pytest.raises(ModelError, match="`between` adds means of groups"):
        model.set_params(between=True).fit(X[["x", "z"]], y)


def test_other_values_are_refused():
    X, y = table_of()
    with pytest.raises(ValueError, match="`between` must be True, False or 'auto'"):
        LinearMixedEffectsModel(groups="id", between="yes").fit(X, y)


def new_patients(models):
    table = load_pbc()
    X, y = table.drop(columns="log_bili"), table["log_bili"]
    scores = {name: [] for name in models}
    folds = GroupKFold(3, shuffle=True, random_state=42).split(X, y, X["patient"])
    for train, test in folds:
        for name, model in models.items():
            features = X if "patient" in model.get_params().values() else X.iloc[:, :-1]
            fitted = clone(model).fit(features.iloc[train], y.iloc[train])
            found = fitted.predict(features.iloc[test])
            scores[name].append(r2_score(y.iloc[test], found))
    return {name: np.mean(values) for name, values in scores.items()}


@pytest.mark.filterwarnings("ignore::flexcv.errors.UnknownGroupsWarning")
def test_new_patients_are_predicted_as_well_as_by_plain_models():
    forest = RandomForestRegressor(60, min_samples_leaf=3, random_state=0)
    linear = LinearMixedEffectsModel(groups="patient")
    found = new_patients(
        {
            "ridge": make_pipeline(StandardScaler(), Ridge()),
            "mixed": linear,
            "told": clone(linear).set_params(between="auto"),
            "forest": forest,
            "MERF": MERF(forest, groups="patient", random_state=0, between="auto"),
        }
    )
    assert found["mixed"] < found["ridge"] - 0.05
    assert found["told"] > found["ridge"] + 0.05
    assert found["MERF"] >= found["forest"]


def test_merf_learns_the_part_of_groups_from_groups():
    X, y = table_of(difference=3.0)
    X = X[["x", "z", "id"]]
    forest = RandomForestRegressor(60, min_samples_leaf=3, random_state=0)
    told = MERF(forest, groups="id", random_state=0, between=True).fit(X, y)
    plain = MERF(forest, groups="id", random_state=0).fit(X, y)
    assert told.group_learner_.share > 0.3
    variances = [m.variance_components_["variance"].iloc[0] for m in (told, plain)]
    assert variances[0] < variances[1]
    new, y_new = table_of(seed=9, difference=3.0)
    new = new[["x", "z", "id"]].assign(id=lambda t: t["id"] + 1000)
    assert r2_score(y_new, told.predict(new)) > r2_score(y_new, plain.predict(new))
    one_by_one = [told.predict(new.iloc[[row]])[0] for row in (0, 7)]
    alone = told.predict(new.iloc[[0, 7]])
    np.testing.assert_allclose(alone, one_by_one)


def test_effects_that_features_do_not_tell_leave_merf_as_it_is():
    X, y = table_of(seed=4, difference=0.0)
    X = X[["z", "t", "id"]]
    model = MERF(LinearRegression(), groups="id", random_state=0)
    told = clone(model).set_params(between=True).fit(X, y)
    new = X.assign(id=X["id"] + 1000)
    difference = told.predict(new) - model.fit(X, y).predict(new)
    assert np.abs(difference).max() < 0.3 * np.sqrt(y.var())
