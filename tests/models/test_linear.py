"""The linear mixed-effects model as an estimator."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_predict, cross_val_score
from sklearn.utils.estimator_checks import parametrize_with_checks
from statsmodels.regression.mixed_linear_model import MixedLM

from flexcv.errors import NotIdentifiableError, RankDeficiencyWarning
from flexcv.models import LinearMixedEffectsModel, RandomTerm


def table_of(seed: int = 0, groups: int = 12, each: int = 8) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(groups), each)
    frame = pd.DataFrame({"x": rng.normal(size=len(g)), "z": rng.normal(size=len(g))})
    frame["g"] = [f"g{k:02d}" for k in g]
    effects = rng.normal(size=(groups, 2)) @ np.array([[1.0, 0.3], [0.0, 0.6]])
    frame["y"] = 1.0 + 2.0 * frame["x"] - frame["z"] + effects[g, 0]
    frame["y"] += effects[g, 1] * frame["x"] + 0.7 * rng.normal(size=len(g))
    return frame


def fitted(frame: pd.DataFrame, **options: object) -> LinearMixedEffectsModel:
    options = {"groups": "g", "slopes": "x"} | options
    return LinearMixedEffectsModel(**options).fit(frame.drop(columns="y"), frame["y"])


@pytest.mark.filterwarnings("ignore::flexcv.errors.RankDeficiencyWarning")
@parametrize_with_checks(
    [LinearMixedEffectsModel(), LinearMixedEffectsModel(reml=False)]
)
def test_scikit_learn_accepts_the_estimator_without_groups(estimator, check) -> None:
    check(estimator)


def test_without_groups_it_is_least_squares() -> None:
    frame = table_of()
    model = LinearMixedEffectsModel().fit(frame[["x", "z"]], frame["y"])
    oracle = sm.OLS(frame["y"], sm.add_constant(frame[["x", "z"]])).fit()
    table = model.fixed_effects_
    np.testing.assert_allclose(table["estimate"], oracle.params)
    np.testing.assert_allclose(table["std_error"], oracle.bse)
    np.testing.assert_allclose(table["p"], oracle.pvalues)
    np.testing.assert_allclose(table[["lower", "upper"]], oracle.conf_int())
    assert list(model.variance_components_["group"]) == ["Residual"]
    assert model.random_effects_ == {}


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("slopes", [(), ("x",)])
def test_it_agrees_with_statsmodels_where_that_converges(
    reml: bool, slopes: tuple[str, ...]
) -> None:
    frame = table_of(1)
    model = fitted(frame, slopes=slopes, reml=reml)
    exog = sm.add_constant(frame[["x", "z"]])
    re_formula = exog[["const", *slopes]]
    oracle = MixedLM(frame["y"], exog, frame["g"], exog_re=re_formula).fit(reml=reml)
    assert oracle.converged
    np.testing.assert_allclose(
        model.fixed_effects_["estimate"], oracle.fe_params, rtol=1e-4
    )
    np.testing.assert_allclose(model.sigma_**2, oracle.scale, rtol=1e-3)
    d = model.random_part_.covariances[0]
    np.testing.assert_allclose(d, oracle.cov_re, rtol=5e-3, atol=1e-3)
    # statsmodels counts log|X'X| into the restricted likelihood.
    if not reml:
        assert model.loglik_ == pytest.approx(oracle.llf, abs=1e-4)


@pytest.mark.parametrize(
    "spelling",
    [
        {"random": "(1 + x | g)"},
        {"random": RandomTerm("g", ("x",))},
        {"random": [RandomTerm("g", ("x",))]},
        {"groups": "g", "slopes": ["x"]},
        {"formula": "y ~ x + z + (x | g)"},
        {"formula": "x + z", "random": "(x | g)"},
    ],
)
def test_every_spelling_is_one_model(spelling: dict[str, object]) -> None:
    frame = table_of()
    model = LinearMixedEffectsModel(**spelling)
    model.fit(frame.drop(columns="y"), frame["y"])
    assert model.criterion_ == pytest.approx(fitted(frame).criterion_, abs=1e-9)


def test_known_levels_get_their_effect_and_unknown_ones_the_population() -> None:
    frame = table_of()
    model = fitted(frame)
    new = pd.DataFrame({"x": [0.5, 0.5], "z": 0.0, "g": ["g03", "new"]})
    effect = model.random_effects_["g"].loc["g03"]
    population = model.set_params(known_groups="population").predict(new)
    known = model.set_params(known_groups="conditional").predict(new)
    assert population[0] == population[1] == known[1]
    gain = effect["Intercept"] + 0.5 * effect["x"]
    assert known[0] - population[0] == pytest.approx(gain)


def test_each_factor_falls_back_on_its_own() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.integers(0, 6, 90), "b": rng.integers(0, 5, 90)})
    y = frame["a"] - 2.0 * frame["b"] + rng.normal(size=90)
    model = LinearMixedEffectsModel(groups=["a", "b"]).fit(frame, y)
    base = model.fixed_effects_["estimate"].iloc[0]
    a = model.random_effects_["a"].loc[3, "Intercept"]
    b = model.random_effects_["b"].loc[2, "Intercept"]
    new = pd.DataFrame({"a": [3, 3, 77, 77], "b": [2, 77, 2, 77]})
    wanted = base + np.array([a + b, a, b, 0.0])
    np.testing.assert_allclose(model.predict(new), wanted)


def test_an_interaction_knows_its_pairs_only() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": np.repeat(list("uvw"), 20), "b": list("pqrs") * 15})
    y = rng.normal(size=12)[pd.factorize(frame["a"] + frame["b"])[0]]
    y = y + 0.3 * rng.normal(size=60)
    model = LinearMixedEffectsModel(formula="1", random="(1 | a:b)").fit(frame, y)
    effects = model.random_effects_["a:b"]
    base = model.fixed_effects_["estimate"].iloc[0]
    new = pd.DataFrame({"a": ["v", "v", "nobody"], "b": ["r", "nobody", "r"]})
    wanted = base + np.array([effects.loc[("v", "r"), "Intercept"], 0.0, 0.0])
    np.testing.assert_allclose(model.predict(new), wanted)


@pytest.mark.parametrize(
    "labels",
    [
        lambda k: k,
        lambda k: k * 1.5,
        lambda k: pd.Categorical([f"c{i}" for i in k], [f"c{i}" for i in range(99)]),
        lambda k: np.array([f"{i:03d}" for i in k], dtype=object),
        lambda k: pd.array([f"s{i}" for i in k], dtype="string"),
        lambda k: pd.to_datetime(k, unit="D"),
    ],
    ids=["integers", "floats", "unused categories", "objects", "strings", "dates"],
)
def test_groups_may_be_labels_of_any_kind(labels) -> None:
    frame = table_of()
    codes = pd.factorize(frame["g"])[0]
    other = frame.assign(g=labels(codes))
    model, again = fitted(frame), fitted(other)
    assert again.criterion_ == pytest.approx(model.criterion_, abs=1e-9)
    assert len(again.random_effects_["g"]) == 12
    np.testing.assert_allclose(again.predict(other), model.predict(frame))


@given(seed=st.integers(0, 1000))
@settings(max_examples=10, deadline=None)
def test_row_order_and_labels_do_not_matter(seed: int) -> None:
    frame = table_of(2)
    model = fitted(frame)
    mixed = frame.sample(frac=1.0, random_state=seed)
    names = {name: f"{hash((name, seed))}" for name in frame["g"].unique()}
    again = fitted(mixed.assign(g=mixed["g"].map(names)))
    assert again.criterion_ == pytest.approx(model.criterion_, abs=1e-8)
    np.testing.assert_allclose(again.coefficients_, model.coefficients_, atol=1e-8)
    np.testing.assert_allclose(again.theta_, model.theta_, atol=1e-7)


@given(
    shift=st.floats(-1e3, 1e3),
    power=st.integers(-5, 5),
    target_power=st.integers(-5, 5),
)
@settings(max_examples=25, deadline=None)
def test_shifting_and_scaling_columns_changes_nothing_but_units(
    shift: float, power: int, target_power: int
) -> None:
    frame = table_of(3)
    scale, unit = 10.0**power, 10.0**target_power
    moved = frame.assign(x=(frame["x"] + shift) * scale, y=frame["y"] * unit)
    model, again = fitted(frame), fitted(moved)
    change = (len(frame) - 3) * 2 * np.log(unit) + 2 * np.log(scale)
    assert again.criterion_ - change == pytest.approx(model.criterion_, abs=1e-6)
    np.testing.assert_allclose(
        again.predict(moved) / unit, model.predict(frame), atol=1e-6
    )


def test_equal_weights_scale_the_residual_and_nothing_else() -> None:
    frame = table_of(4)
    weighted, plain = fitted(frame.assign(w=5.0), weights="w"), fitted(frame)
    np.testing.assert_allclose(weighted.coefficients_, plain.coefficients_, atol=1e-8)
    assert weighted.sigma_ == pytest.approx(np.sqrt(5.0) * plain.sigma_, rel=1e-7)
    d = weighted.random_part_.covariances[0]
    np.testing.assert_allclose(d, plain.random_part_.covariances[0], rtol=1e-6)
    assert weighted.criterion_ == pytest.approx(plain.criterion_, abs=1e-8)


def test_an_offset_is_added_back_at_prediction() -> None:
    frame = table_of().assign(o=lambda f: 3.0 + f["x"] ** 2)
    model = fitted(frame.assign(y=frame["y"] + frame["o"]), offset="o")
    plain = fitted(frame.drop(columns="o"))
    np.testing.assert_allclose(
        model.predict(frame), plain.predict(frame) + frame["o"], atol=1e-7
    )


def test_known_variances_are_recovered() -> None:
    rng = np.random.default_rng(7)
    g = np.repeat(np.arange(800), 10)
    x = rng.normal(size=8000)
    d = np.array([[4.0, -1.0], [-1.0, 1.0]])
    b = rng.multivariate_normal([0, 0], d, 800)
    y = 1 + x + b[g, 0] + b[g, 1] * x + 0.5 * rng.normal(size=8000)
    model = LinearMixedEffectsModel("g", "x").fit(pd.DataFrame({"x": x, "g": g}), y)
    np.testing.assert_allclose(model.random_part_.covariances[0], d, atol=0.4)
    assert model.sigma_ == pytest.approx(0.5, abs=0.02)


def test_categorical_slopes_without_intercept_give_one_effect_per_level() -> None:
    rng = np.random.default_rng(0)
    worker = np.repeat(np.arange(15), 9)
    machine = np.tile(np.repeat(list("ABC"), 3), 15)
    effects = rng.normal(size=(15, 3))
    y = effects[worker, pd.factorize(machine)[0]] + 0.3 * rng.normal(size=135)
    frame = pd.DataFrame({"machine": machine, "worker": worker})
    model = LinearMixedEffectsModel(random="(0 + machine | worker)").fit(frame, y)
    names = ["machine[A]", "machine[B]", "machine[C]"]
    assert list(model.random_effects_["worker"].columns) == names
    same = LinearMixedEffectsModel(random="(machine | worker)").fit(frame, y)
    assert same.criterion_ == pytest.approx(model.criterion_, abs=1e-7)


def test_a_quadratic_growth_curve_may_be_written_as_a_formula_term() -> None:
    rng = np.random.default_rng(1)
    child = np.repeat(np.arange(20), 8)
    t = np.tile(np.arange(8.0), 20)
    b = rng.normal(size=(20, 3)) * [2.0, 1.0, 0.2]
    y = b[child, 0] + b[child, 1] * t + b[child, 2] * t**2 + rng.normal(size=160)
    frame = pd.DataFrame({"t": t, "child": child})
    one = LinearMixedEffectsModel(formula="t + I(t**2)", random="(t + I(t^2) | child)")
    two = LinearMixedEffectsModel(random="(t + t2 | child)")
    one.fit(frame, y)
    two.fit(frame.assign(t2=t**2), y)
    assert one.criterion_ == pytest.approx(two.criterion_, abs=1e-7)


def test_names_with_blanks_and_keywords_work() -> None:
    frame = table_of().rename(columns={"x": "reaction time + 1", "g": "class"})
    model = LinearMixedEffectsModel("class", "reaction time + 1")
    model.fit(frame.drop(columns="y"), frame["y"])
    assert "reaction time + 1" in model.fixed_effects_.index
    assert model.criterion_ == pytest.approx(fitted(table_of()).criterion_, abs=1e-9)


def test_redundant_columns_are_dropped_with_a_warning() -> None:
    frame = table_of().assign(double=lambda f: 2.0 * f["x"], one=7.0)
    with pytest.warns(RankDeficiencyWarning, match=r"\['double', 'one'\]"):
        model = fitted(frame)
    assert model.criterion_ == pytest.approx(fitted(table_of()).criterion_, abs=1e-8)
    assert model.dropped_ == ("double", "one")


def test_nothing_given_is_modified_and_no_training_table_is_kept() -> None:
    frame = table_of()
    before = frame.copy()
    model = fitted(frame)
    pd.testing.assert_frame_equal(frame, before)
    assert not any(isinstance(v, pd.DataFrame) for v in vars(model).values())
    assert len(pickle.dumps(model)) < 60_000


def test_a_fit_can_be_cloned_pickled_and_cross_validated() -> None:
    frame = table_of()
    X, y = frame.drop(columns="y"), frame["y"]
    model = LinearMixedEffectsModel("g", "x")
    again = pickle.loads(pickle.dumps(clone(model).fit(X, y)))
    np.testing.assert_array_equal(again.predict(X), model.fit(X, y).predict(X))
    assert cross_val_score(model, X, y, cv=4).shape == (4,)
    assert cross_val_predict(model, X, y, cv=4).shape == y.shape


def test_an_array_will_do_when_groups_are_a_position() -> None:
    frame = table_of()
    codes = pd.factorize(frame["g"])[0]
    X = np.column_stack([frame[["x", "z"]], codes])
    model = LinearMixedEffectsModel(groups=2, slopes=(0,)).fit(X, frame["y"])
    assert model.criterion_ == pytest.approx(fitted(frame).criterion_, abs=1e-9)


def test_reading_before_fitting_is_refused() -> None:
    with pytest.raises(NotFittedError):
        LinearMixedEffectsModel().summary()


def refuse(kind: type[Exception], message: str, frame: pd.DataFrame, **options) -> None:
    model = LinearMixedEffectsModel(**({"groups": "g"} | options))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(kind) as caught:
            model.fit(frame.drop(columns="y"), frame["y"])
    assert str(caught.value) == message
    assert not hasattr(model, "estimate_")


def test_bad_tables_are_refused_in_one_sentence() -> None:
    frame = table_of()
    hole = frame.copy()
    hole.loc[3, "x"] = np.nan
    refuse(
        ValueError,
        "column 'x' must be finite, got missing values; fill them or drop the rows.",
        hole,
    )
    refuse(
        ValueError,
        "column 'x' must be finite, got infinite values; fill them or drop the rows.",
        frame.assign(x=np.inf),
    )
    refuse(
        ValueError,
        "grouping column 'g' must have a label in every row, got missing values; "
        "fill them or drop the rows.",
        frame.assign(g=frame["g"].where(frame["g"] != "g03")),
    )
    refuse(
        ValueError,
        "`y` must be finite, got missing or infinite values; drop these rows.",
        frame.assign(y=np.nan),
    )
    refuse(
        TypeError,
        "column 'x' must hold one kind of value, got a mixture of numbers and text; "
        "convert it to one kind.",
        frame.assign(x=[1, "one"] * 48),
    )
    refuse(
        TypeError,
        "column 'g' must hold one kind of value, got a mixture of numbers and text; "
        "convert it to one kind.",
        frame.assign(g=np.array([1, "one"] * 48, dtype=object)),
    )


def test_bad_roles_are_refused_in_one_sentence() -> None:
    frame = table_of()
    refuse(
        ValueError,
        "`groups` names column 'G', which is not in the table; did you mean 'g'?",
        frame,
        groups="G",
    )
    refuse(
        ValueError,
        "formula 'x + Z2' names column 'Z2', which is not in the table; "
        "did you mean 'z'?",
        frame,
        formula="x + Z2",
    )
    refuse(
        ValueError,
        "the model names column 'zz', which is not in the table; did you mean 'z'?",
        frame,
        slopes="zz",
    )
    refuse(
        ValueError,
        "column 'g' is both a grouping column and a feature; keep it in one role, or "
        "copy it under another name.",
        frame.assign(g=pd.factorize(frame["g"])[0]),
        slopes="g",
    )
    refuse(
        ValueError,
        "column 'g' is both a grouping column and a feature; keep it in one role, or "
        "copy it under another name.",
        frame,
        formula="x + g",
    )
    refuse(
        ValueError,
        "weights must be positive, got 0.0 in column 'w'; drop rows of weight zero.",
        frame.assign(w=0.0),
        weights="w",
    )


def test_what_no_data_could_tell_apart_is_refused_with_the_reason() -> None:
    frame = table_of()
    refuse(
        NotIdentifiableError,
        "grouping factor 'g' must have at least two levels, got 1; its variance "
        "cannot be estimated from one.",
        frame.assign(g="one"),
    )
    refuse(
        NotIdentifiableError,
        "grouping factor 'g' has one row per level, so its variance cannot be told "
        "from the residual; group more coarsely.",
        frame.assign(g=range(96)),
    )
    refuse(
        NotIdentifiableError,
        "grouping factor 'g' asks for 96 random effects from 96 rows; drop slopes or "
        "group more coarsely.",
        frame.assign(g=np.arange(96) // 2),
        slopes="x",
    )
    refuse(
        NotIdentifiableError,
        "slope 'one' of grouping factor 'g' is constant, so its effect cannot be told "
        "from the intercept; drop it.",
        frame.assign(one=1.0),
        slopes="one",
    )


def test_one_effect_in_two_terms_is_refused() -> None:
    frame = table_of()
    refuse(
        NotIdentifiableError,
        "effect 'Intercept' of grouping factor 'g' is in two terms, so their variances "
        "cannot be told apart; name it once.",
        frame,
        groups=None,
        random="(1 | g) + (x | g)",
    )


def test_a_target_without_residual_is_refused() -> None:
    frame = table_of()
    exact = frame.assign(y=1.0 + 2.0 * frame["x"])
    model = LinearMixedEffectsModel("g")
    with pytest.raises(ValueError, match="the fixed part fits the target exactly"):
        model.fit(exact.drop(columns="y"), exact["y"])


def test_random_effects_that_fit_the_target_exactly_are_refused() -> None:
    frame = table_of()
    rng = np.random.default_rng(0)
    exact = frame.assign(y=rng.normal(size=12)[pd.factorize(frame["g"])[0]])
    model = LinearMixedEffectsModel("g")
    with pytest.raises(ValueError, match="the random effects fit the target exactly"):
        model.fit(exact.drop(columns="y"), exact["y"])


def test_a_tiny_residual_is_found() -> None:
    frame = table_of()
    rng = np.random.default_rng(0)
    y = rng.normal(size=12)[pd.factorize(frame["g"])[0]] + 1e-5 * rng.normal(size=96)
    model = LinearMixedEffectsModel("g").fit(frame.drop(columns="y"), y)
    assert model.converged_
    assert model.sigma_ == pytest.approx(1e-5, rel=0.2)


def test_a_fit_that_fails_leaves_no_fitted_model_behind() -> None:
    frame = table_of()
    model = fitted(frame)
    hole = frame.assign(x=np.nan)
    with pytest.raises(ValueError, match="must be finite"):
        model.fit(hole.drop(columns="y"), hole["y"])
    with pytest.raises(NotFittedError):
        model.predict(frame)


def test_thousands_of_levels_inside_thousands_stay_sparse() -> None:
    rng = np.random.default_rng(0)
    pupil_class = rng.integers(0, 9000, 40_000)
    school = pupil_class % 4500
    y = rng.normal(size=9000)[pupil_class] + 0.7 * rng.normal(size=4500)[school]
    y += 0.5 * rng.normal(size=40_000)
    table = pd.DataFrame({"school": school, "class": pupil_class})
    model = LinearMixedEffectsModel(random="(1 | school/class)").fit(table, y)
    assert issparse(model.estimate_.problem.sums.moments)
    assert model.converged_
    np.testing.assert_allclose(
        model.variance_components_["sd"], [1.0, 0.7, 0.5], atol=0.05
    )


def test_a_lost_column_is_named_at_prediction() -> None:
    frame = table_of()
    model = fitted(frame)
    with pytest.raises(ValueError, match="column 'g' was in training but is not in"):
        model.predict(frame[["x", "z"]])
    with pytest.raises(TypeError, match="`X` must be a DataFrame because the model"):
        model.predict(frame[["x", "z"]].to_numpy())


def test_reml_is_a_flag() -> None:
    with pytest.raises(TypeError, match="`reml` must be True or False, got 'yes'"):
        fitted(table_of(), reml="yes")


def test_known_groups_must_be_one_of_two_words() -> None:
    frame = table_of()
    with pytest.raises(ValueError, match="did you mean 'population'"):
        fitted(frame, known_groups="populations")
