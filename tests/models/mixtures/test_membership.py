"""Features that predict the cluster of a subject."""

import functools
import pickle

import numpy as np
import pandas as pd
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from flexcv import CrossValidation
from flexcv.errors import RankDeficiencyWarning
from flexcv.models import DeepMixtureLMM
from flexcv.testing import LAWS
from flexcv.testing.changes import Sample
from flexcv.testing.laws import Trial

SMALL = {"n_components": (3, 1), "n_basis": 6, "tol": 1e-4, "random_state": 0}
QUICK = SMALL | {"n_components": (2, 1), "n_basis": 5, "tol": 1e-3}
COLUMNS = ["subject", "time"]


def drawn(seed=0, n=80, rows=6):
    """Sines whose sign is the likelier positive the older and if from place a."""
    rng = np.random.default_rng(seed)
    age, site = rng.normal(60, 10, n), rng.choice(["a", "b"], n)
    eta = 0.2 * (age - 60) + np.where(site == "a", 1.0, -1.0)
    positive = rng.random(n) < 1 / (1 + np.exp(-eta))
    subject, time = np.repeat(np.arange(n), rows), rng.random(n * rows)
    y = np.where(positive[subject], 1.0, -1.0) * np.sin(6 * time)
    y += 0.3 * rng.normal(size=n)[subject] + 0.2 * rng.normal(size=n * rows)
    columns = {"subject": subject, "time": time, "age": age[subject]}
    return pd.DataFrame(columns | {"site": site[subject]}), y, positive


def mixture(membership=("age", "site"), **options):
    return DeepMixtureLMM("subject", "time", membership=membership, **(SMALL | options))


@pytest.fixture(scope="module")
def table():
    return drawn()[0]


@pytest.fixture(scope="module")
def target():
    return drawn()[1]


@pytest.fixture(scope="module")
def fitted(table, target):
    return mixture().fit(table, target)


@pytest.fixture(scope="module")
def plain(table, target):
    return mixture(()).fit(table[COLUMNS], target)


@pytest.fixture(scope="module")
def others():
    table, y, positive = drawn(1)
    table["subject"] = "new " + table["subject"].astype(str)
    return table, y, positive


def positive_cluster(model, positive):
    return int(pd.Series(positive).groupby(model.cluster_.to_numpy()).mean().idxmax())


def test_new_subjects_are_predicted_better_than_by_the_weights(
    fitted, plain, others, table
):
    X, y, positive = others
    first, scores = X.drop_duplicates("subject"), []
    for model in (fitted, plain):
        place = positive_cluster(model, drawn()[2])
        share = model.predict_cluster_proba(first)[:, place]
        scores.append(np.log(np.where(positive, share, 1.0 - share)).mean())
    assert scores[0] > scores[1] + 0.15
    assert fitted.log_score(X, y) > plain.log_score(X, y) + 0.15
    errors = [np.mean((m.predict(X) - y) ** 2) for m in (fitted, plain)]
    assert errors[0] < 0.8 * errors[1]
    inside = fitted.predict_interval(X, 0.9)
    assert 0.85 < np.mean((inside["lower"] < y) & (y < inside["upper"])) < 0.95


def test_coefficients_are_log_odds_per_unit_of_the_columns(fitted):
    effects = fitted.membership_effects_
    assert list(effects.columns) == ["Intercept", "age", "site[a]", "site[b]"]
    np.testing.assert_allclose(effects.drop(columns="Intercept").sum(), 0.0, atol=1e-9)
    place = positive_cluster(fitted, drawn()[2])
    assert effects.loc[place, "age"] > 0 > effects.loc[place, "site[b]"]
    odds = effects.loc[place] - effects.loc[1 - place]
    assert odds["age"] == pytest.approx(0.2, abs=0.08)
    row = pd.DataFrame({"subject": "x", "time": [0.5], "age": 55.0, "site": "b"})
    share = fitted.predict_cluster_proba(row)[0]
    told = odds["Intercept"] + 55.0 * odds["age"] + odds["site[b]"]
    assert np.log(share[place] / share[1 - place]) == pytest.approx(told)


@pytest.mark.parametrize("n_components", [(3, 1), (3, 2)])
def test_no_sweep_lowers_the_bound(table, target, n_components):
    model = mixture(n_components=n_components, n_factors=None).fit(table, target)
    gains = model.trace_["gain"].dropna() / model.trace_["bound"].abs().max()
    assert gains.min() > -1e-10


def test_features_that_tell_nothing_lower_the_bound(table, target, fitted, plain):
    noise = np.random.default_rng(5).normal(size=80)[table["subject"]]
    model = mixture(["noise"]).fit(table[COLUMNS].assign(noise=noise), target)
    assert model.bound_ < plain.bound_ < fitted.bound_


def test_one_cluster_has_nothing_to_predict(table, target):
    one = mixture(n_components=1, n_factors=1).fit(table, target)
    plain = mixture((), n_components=1, n_factors=1).fit(table[COLUMNS], target)
    assert one.bound_ == pytest.approx(plain.bound_)
    np.testing.assert_allclose(one.predict(table), plain.predict(table[COLUMNS]))
    np.testing.assert_allclose(one.membership_effects_, 0.0, atol=1e-12)


def test_the_log_score_is_the_density_at_the_subject_s_features(fitted, table, target):
    rows = table["subject"].eq(0)
    X = fitted.basis_.design(table["time"][rows].to_numpy())
    noise = fitted.sigma_**2 * np.eye(len(X))
    stranger = table[rows].head(1).assign(subject="x")
    share = fitted.predict_cluster_proba(stranger)[0]
    parts = [
        np.log(weight)
        + multivariate_normal(X @ m, X @ c @ X.T + noise).logpdf(target[rows])
        for weight, m, c in zip(share, fitted.means_, fitted.covariances_, strict=True)
    ]
    score = fitted.log_score(table[rows], target[rows])
    assert score == pytest.approx(logsumexp(parts), abs=1e-6)


def test_visits_outweigh_features(fitted, others):
    X, y, positive = others
    ahead = X.drop_duplicates("subject")
    place = positive_cluster(fitted, drawn()[2])
    share = fitted.predict_cluster_proba(ahead, condition_on=(X, y))[:, place]
    assert np.mean((share > 0.5) == positive) > 0.97


def test_known_subjects_keep_their_features(fitted, table, target):
    moved = table.assign(age=20.0, site="b")
    np.testing.assert_allclose(fitted.predict(moved), fitted.predict(table))
    shown = fitted.predict(table, condition_on=(moved, target))
    np.testing.assert_allclose(
        shown, fitted.predict(table, condition_on=(table, target))
    )


def test_rows_of_unknown_subjects_go_by_their_own_features(fitted):
    rows = pd.DataFrame({"subject": "x", "time": 0.3, "age": [40.0, 80.0], "site": "a"})
    values = fitted.predict(rows)
    assert values[0] != pytest.approx(values[1], abs=0.1)
    alone = [fitted.predict(rows.iloc[[k]])[0] for k in range(2)]
    np.testing.assert_allclose(values, alone)
    same = rows.assign(age=40.0)
    draws = fitted.sample(same, 200, random_state=0)
    np.testing.assert_array_equal(draws[:, 0], draws[:, 1])
    apart = fitted.sample(rows, 200, random_state=0)
    assert (apart[:, 0] != apart[:, 1]).all()


def test_population_predictions_go_by_features(table, target, others):
    model = mixture(known_groups="population").fit(table, target)
    off = model.predict(table)
    strangers = model.predict(table.assign(subject="x"))
    np.testing.assert_allclose(off, strangers)
    np.testing.assert_allclose(model.predict_interval(table)["prediction"], off)
    assert np.mean((off - target) ** 2) < 0.9 * np.var(target)


def test_a_pickle_predicts_the_same(fitted, others):
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict(others[0]), fitted.predict(others[0]))


def test_units_of_the_columns_and_names_of_levels_do_not_matter(fitted, table, target):
    scaled = table.assign(
        age=1000.0 * table["age"] - 7.0, site=table["site"].map({"a": "z", "b": "c"})
    )
    model = mixture().fit(scaled, target)
    assert model.bound_ == pytest.approx(fitted.bound_, rel=1e-6)


def test_membership_columns_have_no_fixed_effect(fitted):
    assert list(fitted.fixed_effects_.index) == []


@functools.cache
def trial():
    table, y, _ = drawn(2, n=30, rows=5)
    make = functools.partial(
        DeepMixtureLMM, time="time", membership=("age", "site"), **QUICK
    )
    return Trial(make, Sample(table, y, "subject", "numbers"))


@pytest.mark.parametrize("law", LAWS)
def test_the_laws_of_mixed_models_hold(law):
    LAWS[law](trial())


@pytest.mark.slow
def test_it_cross_validates_in_the_chain(table, target):
    found = (
        CrossValidation()
        .set_data(table.drop(columns="subject"), pd.Series(target), table["subject"])
        .set_splits("GroupKFold", n_splits_out=3)
        .add_model(mixture(**QUICK).set_params(groups=None), model_name="features")
        .add_model(mixture((), **QUICK).set_params(groups=None), model_name="plain")
        .perform()
        .get_results()
        .summary.loc["mean"]
        .loc["mse"]
    )
    assert found["features"] < found["plain"]


REFUSED = [
    (
        {"membership": "agee"},
        {},
        ValueError,
        "`membership` names column 'agee', which is not in the table; did you mean "
        "'age'?",
    ),
    (
        {"membership": "time"},
        {},
        ValueError,
        "`membership` must name other columns than `groups`, `time` and `basis`, got "
        "'time' in both; name it once.",
    ),
    (
        {"groups": None},
        {},
        ValueError,
        "`membership` names columns ['age', 'site'] of subjects, and `groups` is None; "
        "name the column of subjects there.",
    ),
    (
        {},
        {"age": np.arange(480.0)},
        ValueError,
        "`membership` feature 'age' must have one value per subject, got several in "
        "some; give each subject one, such as the first.",
    ),
    (
        {},
        {"age": np.nan},
        ValueError,
        "column 'age' must be finite, got missing values; fill them or drop the rows.",
    ),
    (
        {},
        {"age": pd.Timestamp("2020-01-01")},
        TypeError,
        "column 'age' must hold numbers or labels, got datetime64 values; convert it "
        "to numbers.",
    ),
    (
        {"membership_scale": 0.0},
        {},
        ValueError,
        "`membership_scale` must lie in (0, inf), got 0.0.",
    ),
]


@pytest.mark.parametrize(("options", "columns", "kind", "message"), REFUSED)
def test_what_cannot_be_used_is_refused(table, target, options, columns, kind, message):
    model = mixture().set_params(**options)
    with pytest.raises(kind) as caught:
        model.fit(table.assign(**columns), target)
    assert str(caught.value) == message


def test_levels_that_training_did_not_show_are_refused(fitted, others):
    with pytest.raises(ValueError, match=r"column 'site' .*'c'"):
        fitted.predict(others[0].assign(site="c"))


def test_visits_of_a_new_subject_must_agree_on_its_features(fitted, others):
    X, y, _ = others
    with pytest.raises(ValueError, match="`membership` feature 'age' must have one"):
        fitted.predict(X, condition_on=(X.assign(age=np.arange(480.0)), y))


def test_constant_features_are_named_and_do_no_harm(table, target, plain):
    with pytest.warns(RankDeficiencyWarning) as caught:
        model = mixture(["flat"]).fit(table[COLUMNS].assign(flat=3.0), target)
    assert str(caught[0].message) == (
        "`membership` features ['flat'] are the same for every subject and tell "
        "nothing; remove them to silence this."
    )
    assert caught[0].filename == __file__
    np.testing.assert_allclose(model.membership_effects_["flat"], 0.0, atol=1e-12)


def test_without_membership_there_are_no_coefficients(plain):
    assert plain.membership_effects_.shape == (0, 1)
