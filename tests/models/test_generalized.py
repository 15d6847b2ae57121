"""The generalised linear mixed model as an estimator."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import cross_val_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from flexcv.errors import (
    ConvergenceWarning,
    ModelError,
    NotIdentifiableError,
    RankDeficiencyWarning,
    SeparationWarning,
)
from flexcv.models import GeneralizedLinearMixedModel
from flexcv.models.laplace import fit as laplace_fit
from flexcv.models.laplace.marginal import marginal_mean


def table_of(kind="binary", seed=0, groups=40, each=15) -> pd.DataFrame:
    """Return two features, a grouping column and a target."""
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


def broken_counts(estimator):
    """Name the checks that pass a target of broken numbers, which is no count."""
    if estimator.family != "poisson":
        return {}
    names = [
        "check_n_features_in_after_fitting",
        "check_regressors_train",
        "check_regressor_data_not_an_array",
        "check_regressors_no_decision_function",
        "check_fit_idempotent",
        "check_fit_check_is_fitted",
        "check_n_features_in",
    ]
    return dict.fromkeys(names, "a Poisson target holds whole numbers")


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


@pytest.mark.parametrize(
    ("family", "oracle", "kind"),
    [
        ("binomial", sm.families.Binomial(), "binary"),
        ("poisson", sm.families.Poisson(), "count"),
    ],
)
def test_without_groups_it_is_the_generalised_linear_model(family, oracle, kind):
    table = table_of(kind)
    model = GeneralizedLinearMixedModel(family=family)
    model.fit(table[["x", "z"]], table["y"])
    fit = sm.GLM(table["y"], sm.add_constant(table[["x", "z"]]), family=oracle).fit()
    effects = model.fixed_effects_
    np.testing.assert_allclose(effects["estimate"], fit.params, rtol=1e-5)
    np.testing.assert_allclose(effects["std_error"], fit.bse, rtol=1e-4)
    np.testing.assert_allclose(effects["p"], fit.pvalues, rtol=1e-3)
    np.testing.assert_allclose(effects[["lower", "upper"]], fit.conf_int(), rtol=1e-4)
    assert model.loglik_ == pytest.approx(fit.llf, abs=1e-6)
    assert model.variance_components_.empty
    assert model.random_effects_ == {}


def test_negative_binomial_without_groups_is_that_of_statsmodels():
    table = table_of("spread")
    model = GeneralizedLinearMixedModel(family="negative_binomial")
    model.fit(table[["x", "z"]], table["y"])
    exog = sm.add_constant(table[["x", "z"]])
    fit = sm.NegativeBinomial(table["y"], exog).fit(disp=0, method="newton")
    assert model.loglik_ == pytest.approx(fit.llf, abs=1e-5)
    assert 1.0 / model.dispersion_ == pytest.approx(fit.params["alpha"], rel=1e-3)
    np.testing.assert_allclose(
        model.fixed_effects_["std_error"], fit.bse[:3], rtol=1e-3
    )


def test_binomial_without_trials_is_a_classifier_and_the_rest_are_regressors():
    assert is_classifier(GeneralizedLinearMixedModel())
    assert is_regressor(GeneralizedLinearMixedModel(weights="trials"))
    assert is_regressor(GeneralizedLinearMixedModel(family="poisson"))
    assert not hasattr(GeneralizedLinearMixedModel(family="poisson"), "predict_proba")


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (lambda y: y, [0, 1]),
        (lambda y: y.astype(bool), [False, True]),
        (lambda y: y.map({0: "no", 1: "yes"}), ["no", "yes"]),
        (lambda y: y.map({0: "no", 1: "yes"}).astype("category"), ["no", "yes"]),
        (lambda y: y.map({0: "no", 1: "yes"}).tolist(), ["no", "yes"]),
        (lambda y: y * 2.0 + 3.0, [3.0, 5.0]),
    ],
)
def test_labels_of_any_kind_come_back_as_they_were(labels, classes):
    table = table_of()
    X, y = table.drop(columns="y"), labels(table["y"])
    model = GeneralizedLinearMixedModel("g").fit(X, y)
    assert model.classes_.tolist() == classes
    predicted = model.predict(X)
    assert set(predicted) == set(classes)
    assert model.score(X, y) == accuracy_score(np.asarray(y), predicted)
    assert model.score(X, y) > 0.7
    chances = model.predict_proba(X)
    np.testing.assert_allclose(chances.sum(axis=1), 1.0)
    np.testing.assert_array_equal(model.classes_[chances.argmax(axis=1)], predicted)
    np.testing.assert_allclose(chances[:, 1], fitted().predict_proba(X)[:, 1])


def test_shares_with_trials_are_the_same_model_as_their_single_trials():
    rng = np.random.default_rng(0)
    table = table_of()
    trials = rng.integers(1, 5, len(table))
    chance = fitted().predict_proba(table)[:, 1]
    hits = rng.binomial(trials, chance)
    X = table.drop(columns="y").assign(trials=trials)
    shares = GeneralizedLinearMixedModel("g", weights="trials").fit(X, hits / trials)
    long = X.loc[X.index.repeat(trials)].drop(columns="trials")
    pairs = zip(hits, trials, strict=True)
    single = np.concatenate([[1] * h + [0] * (n - h) for h, n in pairs])
    one = GeneralizedLinearMixedModel("g").fit(long, single)
    np.testing.assert_allclose(
        shares.fixed_effects_["estimate"], one.fixed_effects_["estimate"], atol=1e-5
    )
    np.testing.assert_allclose(shares.predict(X), shares.predict_mean(X))
    assert shares.predict(X).dtype == float
    assert shares.score(X, hits / trials) == r2_score(hits / trials, shares.predict(X))


@pytest.mark.parametrize("kind", list(KINDS.values()))
def test_every_family_finds_what_made_the_table(kind):
    model = fitted(kind)
    assert model.converged_
    assert not model.singular_
    effects = model.fixed_effects_
    away = (effects["estimate"] - [0.4, 0.8, -0.5]) / effects["std_error"]
    assert away.abs().max() < 3.0
    assert model.variance_components_["sd"][0] == pytest.approx(1.0, abs=0.3)
    if kind == "spread":
        assert model.dispersion_ == pytest.approx(1.5, rel=0.35)
    if kind == "positive":
        assert model.dispersion_ == pytest.approx(0.5, rel=0.15)


def test_a_new_group_is_averaged_over_what_it_may_be():
    model, table = fitted(), table_of()
    X = table.drop(columns="y").head(20).assign(g="nobody")
    variance = model.variance_components_["variance"][0]
    draws = np.random.default_rng(0).normal(size=20_000) * np.sqrt(variance)
    eta = model.predict_linear(X)
    simulated = (1.0 / (1.0 + np.exp(-(eta[:, None] + draws)))).mean(axis=1)
    marginal = model.predict_proba(X)[:, 1]
    np.testing.assert_allclose(marginal, simulated, atol=0.01)
    at_zero = model.family_.mean(eta)
    assert (np.abs(at_zero - 0.5) >= np.abs(marginal - 0.5)).all()
    assert np.abs(at_zero - marginal).max() > 0.03


def test_population_predictions_treat_every_group_as_new():
    table = table_of("count")
    X = table.drop(columns="y")
    model = fitted("count")
    off = fitted("count", known_groups="population")
    np.testing.assert_allclose(off.predict(X), model.predict(X.assign(g="nobody")))
    variance = model.variance_components_["variance"][0]
    np.testing.assert_allclose(
        off.predict(X), np.exp(off.predict_linear(X) + variance / 2.0)
    )
    assert model.score(X, table["y"]) > off.score(X, table["y"])


def test_only_the_unknown_ones_of_several_factors_are_averaged():
    rng = np.random.default_rng(1)
    table = table_of()
    table["h"] = rng.integers(0, 12, len(table)).astype(str)
    eta = 1.5 * rng.normal(size=12)[table["h"].astype(int)]
    y = 1 * (rng.random(len(table)) < 1 / (1 + np.exp(-eta - table["x"])))
    X = table.drop(columns="y")
    model = GeneralizedLinearMixedModel(["g", "h"]).fit(X, y)
    known = X.head(5)
    new_h = known.assign(h="nobody")
    components = model.variance_components_.set_index("group")["variance"]
    without_h = model.predict_linear(known) - (
        model.random_effects_["h"].loc[known["h"], "Intercept"].to_numpy()
    )
    np.testing.assert_allclose(model.predict_linear(new_h), without_h)
    np.testing.assert_allclose(
        model.predict_proba(new_h)[:, 1],
        marginal_mean(model.family_, without_h, np.full(5, components["h"])),
    )
    nobody = known.assign(h="nobody", g="nobody")
    fixed = model.predict_linear(nobody)
    np.testing.assert_allclose(
        model.predict_proba(nobody)[:, 1],
        marginal_mean(model.family_, fixed, np.full(5, components.sum())),
    )


@pytest.mark.parametrize("nodes", [1, 11])
def test_order_of_rows_and_labels_of_groups_do_not_matter(nodes):
    table = table_of()
    X, y = table.drop(columns="y"), table["y"]
    order = np.random.default_rng(0).permutation(len(table))
    one = GeneralizedLinearMixedModel("g", n_quadrature=nodes).fit(X, y)
    other = GeneralizedLinearMixedModel("g", n_quadrature=nodes)
    other.fit(X.iloc[order].assign(g=lambda t: "z" + t["g"].str[::-1]), y.iloc[order])
    assert one.loglik_ == pytest.approx(other.loglik_, abs=1e-6)
    np.testing.assert_allclose(
        one.fixed_effects_["estimate"], other.fixed_effects_["estimate"], atol=1e-5
    )


def test_scale_and_shift_of_features_do_not_matter():
    table = table_of("count")
    X = table.drop(columns="y")
    options = {"family": "poisson", "groups": "g", "slopes": "x"}
    one = GeneralizedLinearMixedModel(**options).fit(X, table["y"])
    far = X.assign(x=1e5 * X["x"] + 3e6, z=1e-6 * X["z"])
    other = GeneralizedLinearMixedModel(**options).fit(far, table["y"])
    assert other.converged_
    assert other.loglik_ == pytest.approx(one.loglik_, abs=1e-6)
    np.testing.assert_allclose(other.predict(far), one.predict(X), rtol=1e-4)
    assert other.fixed_effects_["estimate"]["x"] * 1e5 == pytest.approx(
        one.fixed_effects_["estimate"]["x"], rel=1e-4
    )


def test_uncorrelated_slopes_have_no_correlation():
    table = table_of("count")
    model = GeneralizedLinearMixedModel(random="(x || g)", family="poisson")
    model.fit(table.drop(columns="y"), table["y"])
    assert model.random_part_.covariances[0][0, 1] == 0.0
    assert model.n_parameters_ == 3 + 2


def test_an_offset_is_exposure():
    table = table_of("count")
    X = table.drop(columns="y").assign(days=np.log(3.0))
    with_offset = GeneralizedLinearMixedModel("g", family="poisson", offset="days")
    with_offset.fit(X, table["y"])
    plain = fitted("count")
    shift = plain.fixed_effects_["estimate"] - with_offset.fixed_effects_["estimate"]
    np.testing.assert_allclose(shift, [np.log(3.0), 0.0, 0.0], atol=1e-5)
    np.testing.assert_allclose(with_offset.predict(X), plain.predict(X), rtol=1e-5)


def test_readings_are_those_of_the_linear_model():
    model = fitted("count", slopes="x")
    assert list(model.fixed_effects_) == [
        "estimate",
        "std_error",
        "z",
        "p",
        "lower",
        "upper",
    ]
    assert list(model.variance_components_["name"]) == ["Intercept", "x"]
    assert model.aic_ == pytest.approx(-2 * model.loglik_ + 2 * 6)
    assert model.bic_ == pytest.approx(-2 * model.loglik_ + 6 * np.log(600))
    tidy = model.random_effects_table()
    assert list(tidy) == ["factor", "group", "name", "effect", "sd"]
    assert len(tidy) == 80
    assert (tidy["sd"] > 0).all()
    trace = model.trace_
    assert list(trace.columns[:2]) == ["iteration", "criterion"]
    assert trace["criterion"].min() == pytest.approx(model.criterion_, abs=1e-6)
    text = str(model.summary())
    assert text.startswith(
        "Generalised linear mixed model fitted by Laplace's approximation\n"
        "family: poisson (log)\n"
    )
    assert "Residual" not in text


def test_likelihood_ratio_compares_nested_models():
    table = table_of("count")
    X, y = table.drop(columns="y"), table["y"]
    small = GeneralizedLinearMixedModel("g", family="poisson", formula="x").fit(X, y)
    large = fitted("count")
    test = small.likelihood_ratio_test(large)
    assert list(test.index) == ["x + (1 | g)", "x + z + (1 | g)"]
    assert test["chi2"].iloc[1] == pytest.approx(2 * (large.loglik_ - small.loglik_))
    assert test["df"].iloc[1] == 1
    other = fitted("spread")
    with pytest.raises(ModelError) as error:
        small.likelihood_ratio_test(other)
    assert str(error.value) == (
        "a likelihood-ratio test needs models of one family, got Poisson(link='log') "
        "with 1 node(s) and NegativeBinomial(link='log') with 1 node(s); fit all by the "
        "same one."
    )
    moved = fitted("count", offset="z")
    with pytest.raises(ModelError, match="got another offset in"):
        small.likelihood_ratio_test(moved)


def test_it_survives_clone_pickle_and_cross_validation():
    model, table = fitted(), table_of()
    X, y = table.drop(columns="y"), table["y"]
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(model)).predict_proba(X), model.predict_proba(X)
    )
    scores = cross_val_score(clone(model), X, y, cv=3, scoring="neg_log_loss")
    assert (scores > -0.69).all()


def test_a_count_with_a_level_per_row_is_overdispersed():
    table = table_of("spread")
    X = table.drop(columns="y").assign(row=np.arange(len(table)))
    model = GeneralizedLinearMixedModel(["g", "row"], family="poisson")
    model.fit(X, table["y"])
    plain = fitted("count").set_params(family="poisson")
    plain.fit(table.drop(columns="y"), table["y"])
    assert model.converged_
    assert model.loglik_ > plain.loglik_ + 100


def test_groups_that_are_all_zero_keep_finite_effects():
    table = table_of()
    table.loc[table["g"].isin(["g000", "g001"]), "y"] = 0
    model = GeneralizedLinearMixedModel("g").fit(table.drop(columns="y"), table["y"])
    assert model.converged_
    effects = model.random_effects_["g"]["Intercept"]
    assert -5.0 < effects["g000"] < -0.5


def test_no_difference_between_groups_is_called_singular():
    rng = np.random.default_rng(5)
    table = table_of()
    table["y"] = np.tile([0, 1], len(table) // 2)
    table["x"] = rng.normal(size=len(table))
    model = GeneralizedLinearMixedModel("g").fit(table[["x", "g"]], table["y"])
    assert model.singular_
    assert model.converged_
    assert model.variance_components_["sd"][0] == pytest.approx(0.0, abs=1e-6)
    assert "Singular fit" in str(model.summary())


def test_redundant_columns_are_dropped_with_a_warning():
    table = table_of()
    X = table.drop(columns="y").assign(twice=2 * table["x"])
    with pytest.warns(RankDeficiencyWarning, match="'twice'"):
        model = GeneralizedLinearMixedModel("g").fit(X, table["y"])
    assert model.dropped_ == ("twice",)
    np.testing.assert_allclose(
        model.predict_proba(X), fitted().predict_proba(table), atol=1e-7
    )


@pytest.mark.parametrize("groups", [None, "g"])
def test_perfect_separation_is_reported_and_marked(groups):
    table = table_of()
    X, y = table[["x", "z", "g"]], 1 * (table["x"] > 0)
    X = X if groups else X[["x", "z"]]
    with pytest.warns(SeparationWarning) as caught:
        model = GeneralizedLinearMixedModel(groups).fit(X, y)
    assert [str(warning.message) for warning in caught] == [
        "fixed columns ['x'] separate the target, so their estimates grow without end; "
        "drop or coarsen them."
    ]
    assert model.separated_
    assert not model.converged_
    assert "Separated" in str(model.summary())


def test_a_category_that_is_always_zero_separates():
    table = table_of("count")
    table["f"] = np.where(np.arange(len(table)) % 7 == 0, "b", "a")
    table.loc[table["f"] == "b", "y"] = 0
    with pytest.warns(SeparationWarning, match=r"\['f\[T.b\]'\]"):
        model = GeneralizedLinearMixedModel("g", family="poisson").fit(
            table.drop(columns="y"), table["y"]
        )
    assert model.separated_


def test_strong_but_overlapping_effects_are_not_called_separated():
    rng = np.random.default_rng(0)
    x = rng.normal(size=4000)
    y = 1 * (rng.random(4000) < 1 / (1 + np.exp(-12 * x)))
    model = GeneralizedLinearMixedModel().fit(pd.DataFrame({"x": x}), y)
    assert not model.separated_
    assert model.converged_


def test_groups_of_one_class_each_have_no_finite_variance():
    table = table_of()
    table["y"] = (table["g"].str[-1].astype(int) % 2).astype(int)
    with pytest.warns(ConvergenceWarning) as caught:
        model = GeneralizedLinearMixedModel("g", formula="x").fit(
            table.drop(columns="y"), table["y"]
        )
    assert str(caught[0].message) == (
        "a variance of the random effects grows without end; every group may be of one "
        "class: simplify the random part."
    )
    assert not model.converged_


def test_a_search_that_does_not_settle_warns_and_is_marked(monkeypatch):
    monkeypatch.setattr(laplace_fit, "GAIN", -1.0)
    table = table_of()
    with pytest.warns(ConvergenceWarning) as caught:
        model = GeneralizedLinearMixedModel("g").fit(
            table.drop(columns="y"), table["y"]
        )
    assert str(caught[0].message) == (
        f"the search did not converge after {model.n_iter_} iterations; simplify the "
        "random part or rescale extreme columns."
    )
    assert not model.converged_
    assert "Not converged" in str(model.summary())


def test_a_failed_fit_leaves_nothing_that_predicts():
    model, table = fitted(), table_of()
    with pytest.raises(ValueError, match="one class"):
        model.fit(table.drop(columns="y"), np.ones(len(table)))
    with pytest.raises(NotFittedError):
        model.predict(table)


def test_fixed_effects_can_be_drawn():
    axes = fitted().plot_fixed_effects()
    assert {label.get_text() for label in axes.get_yticklabels()} == {"x", "z"}


def refused(match, target, error=ValueError, **options):
    table = table_of().assign(w=1.0, zero=0.0, one="a")
    options = {"groups": "g", "formula": "x"} | options
    X = table[["x", "g", "w", "zero", "one"]]
    with pytest.raises(error) as caught:
        GeneralizedLinearMixedModel(**options).fit(X, target(table))
    assert str(caught.value) == match


def test_targets_that_do_not_fit_are_refused():
    refused(
        "a binomial target must have two classes, got only one class 1; pass rows of "
        "both.",
        lambda t: np.ones(len(t), dtype=int),
    )
    refused(
        "Only binary classification is supported. A binomial target must have two "
        "classes, got 3: ['a', 'b', 'c']; merge classes, take a multiclass model, or for counts another `family`.",
        lambda t: np.tile(["a", "b", "c"], len(t) // 3),
    )
    refused(
        "Unknown label type: continuous; a binomial target without `weights` holds two "
        "classes, so pass the numbers of trials as `weights` beside shares.",
        lambda t: t["x"],
    )
    refused(
        "`y` must have a class in every row, got missing values; drop these rows.",
        lambda t: t["y"].map({0: "no", 1: None}),
    )
    refused(
        "`y` must hold labels of one kind, got ['int', 'str']; convert them.",
        lambda t: [0, *["b"] * (len(t) - 1)],
        TypeError,
    )
    refused(
        "a Poisson target must hold counts (0, 1, 2, ...), got -1; take another family.",
        lambda t: t["y"] - 1,
        family="poisson",
    )
    refused(
        "a gamma target must be positive, got 0; drop such rows or take another family.",
        lambda t: t["y"],
        family="gamma",
    )
    refused(
        "a binomial target must lie between 0 and 1 (the share of successes), got "
        "values from 0 to 2; pass 0 and 1, or shares with the numbers of trials as "
        "`weights`.",
        lambda t: 2 * t["y"],
        weights="w",
    )


def test_settings_that_do_not_fit_are_refused():
    refused(
        "weights must be positive, got 0.0 in column 'zero'; drop rows of weight zero.",
        lambda t: t["y"],
        weights="zero",
    )
    refused(
        "grouping factor 'one' must have at least two levels, got 1; its variance "
        "cannot be estimated from one.",
        lambda t: t["y"],
        NotIdentifiableError,
        groups="one",
    )
    refused(
        "`n_quadrature` must be a whole number from 1 on, got 0; 1 is Laplace's "
        "approximation.",
        lambda t: t["y"],
        n_quadrature=0,
    )
    refused(
        "quadrature needs one grouping factor with one random effect, got [2] effects "
        "per factor; use n_quadrature=1.",
        lambda t: t["y"],
        n_quadrature=5,
        slopes="x",
    )
    refused(
        "`link` must be 'log' with 'poisson', got 'logit'; did you mean 'log'?",
        lambda t: t["y"],
        family="poisson",
        link="logit",
    )


def test_a_level_per_row_of_yes_and_no_is_refused():
    table = table_of()
    X = table[["x"]].assign(row=np.arange(len(table)))
    with pytest.raises(NotIdentifiableError) as error:
        GeneralizedLinearMixedModel("row").fit(X, table["y"])
    assert str(error.value) == (
        "grouping factor 'row' has one row per level, so its variance cannot be "
        "estimated from yes and no; group more coarsely."
    )
