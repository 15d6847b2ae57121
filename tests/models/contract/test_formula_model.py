"""Models by formula: what lme4 gives, and laws that hold at the border of the table."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flexcv.errors import RankDeficiencyWarning
from flexcv.models import (
    GeneralizedLinearMixedModel,
    LinearMixedEffectsModel,
    MixedEffectsBoosting,
    PenalizedLinearMixedModel,
)

FOLDER = Path(__file__).parents[2] / "reference" / "formulas"
FITS = json.loads((FOLDER / "lme4.json").read_text())["fits"]
LEVELS = pd.CategoricalDtype(["low", "mid", "high", "top"], ordered=True)
FEW = settings(max_examples=15, deadline=None)


def table_of() -> pd.DataFrame:
    table = pd.read_csv(FOLDER / "table.csv")
    return table.assign(o=table["o"].astype(LEVELS))


def fitted(formula: str, table: pd.DataFrame | None = None, **options):
    table = table_of() if table is None else table
    model = LinearMixedEffectsModel(formula=formula, **options)
    return model.fit(table.drop(columns="y"), table["y"])


@pytest.mark.reference
@pytest.mark.filterwarnings("ignore::flexcv.errors.RankDeficiencyWarning")
@pytest.mark.parametrize("fit", FITS, ids=[fit["formula"] for fit in FITS])
def test_a_formula_gives_the_criterion_of_lme4(fit) -> None:
    model = fitted(fit["formula"])
    assert model.criterion_ == pytest.approx(fit["criterion"], abs=1e-5)
    assert model.n_parameters_ == fit["parameters"]


def test_a_slope_per_level_beside_the_slope_has_no_redundant_effect() -> None:
    # lme4 keeps x, x:fa, x:fb and x:fc, which is the same model with 13 parameters.
    table = table_of()
    dummies = table.assign(b=table["x"] * (table["f"] == "b"))
    dummies["c"] = table["x"] * (table["f"] == "c")
    model = fitted("x + (0 + x + x:f | g)")
    plain = fitted("x + (0 + x + b + c | g)", dummies)
    assert model.n_parameters_ == plain.n_parameters_ == 9
    assert model.criterion_ == pytest.approx(plain.criterion_, abs=1e-6)


@FEW
@given(st.permutations(["x", "f", "x:f", "I(k^2)", "(x | g)", "(1 | s)"]))
def test_the_order_of_terms_changes_no_likelihood(terms) -> None:
    wanted = fitted("x*f + I(k^2) + (x | g) + (1 | s)").criterion_
    assert fitted(" + ".join(terms)).criterion_ == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize(
    "dtype", ["int64", "uint8", "int8", "float32", "Int64", "bool"]
)
def test_equal_numbers_of_any_kind_give_equal_fits(dtype: str) -> None:
    table = table_of().assign(k=table_of()["k"] % 2)
    typed = table.assign(k=table["k"].astype(dtype))
    formula = "k*f + I(k - 3):x + I((k - 9)^2):z + (k | g)"
    wanted, found = fitted(formula, table), fitted(formula, typed)
    assert found.criterion_ == wanted.criterion_
    new = table.drop(columns="y").head(20)
    np.testing.assert_array_equal(found.predict(new), wanted.predict(new))


@FEW
@given(st.integers(0, 10**6), st.integers(2, 4), st.integers(2, 4))
def test_a_formula_is_the_model_of_its_dummies(seed: int, n_a: int, n_b: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, n_a, size=120), rng.integers(0, n_b, size=120)
    a[: n_a * n_b], b[: n_a * n_b] = divmod(np.arange(n_a * n_b), n_b)  # every cell
    table = pd.DataFrame({"x": rng.normal(size=120), "g": np.arange(120) % 12})
    dummies = table.copy()
    for i in range(1, n_a):
        dummies[f"a{i}"] = 1.0 * (a == i)
        dummies[f"x{i}"] = table["x"] * (a == i)
    for j in range(1, n_b):
        dummies[f"b{j}"] = 1.0 * (b == j)
        for i in range(1, n_a):
            dummies[f"a{i}b{j}"] = 1.0 * (a == i) * (b == j)
    y = table["x"] + rng.normal(size=12)[table["g"]] + rng.normal(size=120)
    labelled = table.assign(a=a.astype(str), b=b)
    model = LinearMixedEffectsModel(formula="y ~ a*C(b) + x*a + (1|g)")
    plain = LinearMixedEffectsModel("g").fit(dummies, y)
    found = model.fit(labelled, y.rename("y"))
    assert found.criterion_ == pytest.approx(plain.criterion_, abs=1e-6)


def test_names_with_signs_are_columns_like_any_other() -> None:
    names = {"x": "a b", "f": "c|d:e", "g": "(1 + `g`)", "k": "I(k^2) - 1", "z": "z."}
    table = table_of()
    formula = (
        r"`a b` * `c|d:e` + I(`I(k^2) - 1` / 2) + z. + (`a b` | `(1 + \`g\`)`) + (1|s)"
    )
    found = fitted(formula, table.rename(columns=names))
    wanted = fitted("x * f + I(k / 2) + z + (x | g) + (1 | s)")
    assert found.criterion_ == wanted.criterion_
    assert list(found.random_effects_) == ["(1 + `g`)", "s"]


@pytest.mark.parametrize(
    "make",
    [
        lambda random: PenalizedLinearMixedModel(random=random, alpha=0.0),
        lambda random: MixedEffectsBoosting(
            random=random, max_iterations=5, random_state=0
        ),
    ],
    ids=["penalised", "boosting"],
)
def test_every_family_reads_the_same_notation(make) -> None:
    table = table_of().assign(d=table_of()["k"] - 2.0)
    y = table["y"]
    found = make("(0 + I(k - 2) | g)").fit(table[["x", "z", "k", "g"]], y)
    wanted = make("(0 + d | g)").fit(table[["x", "z", "d", "g"]], y)
    np.testing.assert_allclose(
        found.variance_components_["variance"],
        wanted.variance_components_["variance"],
        rtol=1e-6,
    )


def test_a_left_side_is_the_targets_name_or_refused() -> None:
    wanted = fitted("x + (1 | g)").criterion_
    assert fitted("y ~ x + (1 | g)").criterion_ == wanted
    message = (
        "the left side of a formula must be the target's name 'y', got 'log(y)'; pass "
        "the target as `y`, transformed if you wish."
    )
    for left in ("log(y)", "Y", "I(y / 2)", "cbind(y, k)", "x + y"):
        with pytest.raises(
            ValueError, match=re.escape(message.replace("log(y)", str(left)))
        ):
            fitted(f"{left} ~ x + (1 | g)")
    table = table_of()
    nameless = LinearMixedEffectsModel(formula="log(y) ~ x")
    with pytest.raises(ValueError, match="must be the target's name, got 'log"):
        nameless.fit(table.drop(columns="y"), table["y"].to_numpy())


def test_levels_of_numbers_are_checked_and_matched_like_text() -> None:
    table = table_of()
    model = fitted("C(k) + (1 | g)")
    new = table.head(4).drop(columns="y")
    wanted = model.predict(new)
    for labels in (new["k"].astype(str), new["k"].astype(float)):
        np.testing.assert_array_equal(model.predict(new.assign(k=labels)), wanted)
    message = "column 'k' must hold levels seen in training, got 9; it has no"
    with pytest.raises(ValueError, match=message):
        model.predict(new.assign(k=9))
    with pytest.raises(ValueError, match="levels seen in training, got '9'"):
        model.predict(new.assign(k="9"))
    with pytest.raises(ValueError, match="column 'C\\(k % 2\\)' must hold levels seen"):
        fitted("C(k % 2) + (1 | g)").predict(new.assign(k=0.5))


def test_rows_that_training_cannot_tell_are_warned_of() -> None:
    rng = np.random.default_rng(0)
    cells = [(a, b) for a in "123" for b in "123" if (a, b) != ("3", "3")]
    table = pd.DataFrame(cells * 10, columns=["a", "b"])
    table["g"] = rng.integers(1, 6, size=len(table))
    model = LinearMixedEffectsModel(formula="a * b + (1 | g)", reml=False)
    with pytest.warns(RankDeficiencyWarning, match="were dropped"):
        model.fit(table, rng.normal(size=len(table)))
    model.predict(table)  # says nothing
    new = pd.DataFrame({"a": ["3", "1"], "b": ["3", "1"], "g": [1, 1]})
    message = (
        "1 row(s) are not estimable: training had no such combination of the fixed "
        "columns and dropped ['a[T.3]:b[T.3]'], which count as zero here; drop these "
        "rows, or a term of the model."
    )
    with pytest.warns(RankDeficiencyWarning, match=re.escape(message)):
        model.predict(new)


def test_a_copy_of_a_column_is_told_from_its_original_at_prediction() -> None:
    table = table_of().assign(copy=2.0 * table_of()["x"] + 1.0)
    with pytest.warns(RankDeficiencyWarning, match="were dropped"):
        model = fitted("x + copy + (1 | g)", table)
    new = table.head(3).drop(columns="y")
    model.predict(new)
    with pytest.warns(RankDeficiencyWarning, match="3 row\\(s\\) are not estimable"):
        model.predict(new.assign(copy=0.0))


def test_a_prediction_asks_only_for_the_columns_of_the_formula() -> None:
    table = table_of()
    for formula in ("x + (k | g)", "x"):
        model = LinearMixedEffectsModel(formula=formula, offset="z", weights="s")
        model.fit(table.assign(s=table["s"] + 1.0), table["y"])
        whole = model.predict(table)
        part = [name for name in ("x", "k", "g", "z") if name in formula or name == "z"]
        np.testing.assert_array_equal(model.predict(table[part]), whole)
        with pytest.raises(ValueError, match="column 'x' was in training but is not"):
            model.predict(table[part].drop(columns="x"))


def test_a_number_may_be_a_trend_and_a_group() -> None:
    table = table_of()
    wanted = fitted("s + (1 | copy)", table.assign(copy=table["s"]))
    assert fitted("s + (1 | s)").criterion_ == wanted.criterion_
    with pytest.raises(ValueError, match="column 's' is both a grouping column and a"):
        fitted("C(s) + (1 | s)")


def test_no_slopes_may_be_said_by_none() -> None:
    X, y = table_of()[["x", "g"]], table_of()["y"]
    wanted = LinearMixedEffectsModel("g").fit(X, y)
    assert LinearMixedEffectsModel("g", None).fit(X, y).criterion_ == wanted.criterion_


def test_an_offset_of_the_formula_is_that_of_a_column() -> None:
    table = table_of().assign(off=np.log(table_of()["z"]))
    found = fitted("x + offset(log(z)) + (1 | g)")
    wanted = fitted("x + (1 | g)", table, offset="off")
    new = table.head(5)
    assert found.criterion_ == wanted.criterion_
    np.testing.assert_array_equal(found.predict(new), wanted.predict(new))


def test_rows_with_gaps_may_be_dropped_counted_and_predicted_as_nan() -> None:
    table = table_of().assign(unread=np.nan)
    table.loc[[3, 50], "x"] = np.nan
    table["g"] = table["g"].astype("Int64")
    table.loc[7, "g"] = pd.NA
    table.loc[9, "y"] = np.nan
    model = fitted("x + I(k^2) + (x | g)", table, na_action="drop")
    kept = table.drop(columns="unread").dropna()
    wanted = fitted("x + I(k^2) + (x | g)", kept)
    assert model.n_dropped_rows_ == 4
    assert model.criterion_ == wanted.criterion_
    assert "Rows dropped for missing values: 4." in str(model.summary())
    found = model.predict(table)
    assert list(np.flatnonzero(np.isnan(found))) == [3, 7, 50]
    interval = model.predict_interval(table)
    np.testing.assert_array_equal(interval["prediction"], found)
    assert np.isnan(model.predict(table.iloc[[3]])).all()
    with pytest.raises(ValueError, match="column 'x' must be finite, got missing"):
        fitted("x + (1 | g)", table.dropna(subset=["y", "g"]))


def test_gaps_of_a_classifier_are_nan_among_the_labels() -> None:
    table = table_of()
    labels = pd.Series(np.where(table["y"] > 0.0, "yes", "no"))
    table.loc[2, "x"] = np.nan
    model = GeneralizedLinearMixedModel(formula="x + (1 | g)", na_action="drop")
    model.fit(table, labels)
    found = model.predict(table.head(4))
    assert pd.isna(found[2])
    assert set(np.delete(found, 2)) <= {"yes", "no"}
    assert np.isnan(model.predict_proba(table.head(4))[2]).all()
    assert np.isnan(model.predict_linear(table.head(4))[2])


def test_an_unknown_way_with_gaps_is_refused() -> None:
    with pytest.raises(ValueError, match="must be one of 'raise', 'drop', got 'omit';"):
        fitted("x + (1 | g)", na_action="omit")


def test_counts_of_successes_are_their_shares() -> None:
    table = pd.read_csv(FOLDER.parent / "data" / "cbpp.csv")
    X, counts = table.drop(columns="incidence"), table["incidence"]
    options = {"weights": "size", "random": "(1 | herd)"}
    wanted = GeneralizedLinearMixedModel(**options).fit(X, counts / X["size"])
    found = GeneralizedLinearMixedModel(**options).fit(X, counts)
    assert found.criterion_ == wanted.criterion_
    formula = "cbind(incidence, size - incidence) ~ period + (1 | herd)"
    said = GeneralizedLinearMixedModel(formula=formula, weights="size").fit(X, counts)
    assert said.criterion_ == wanted.criterion_
    few = counts.clip(upper=1)
    said.fit(X, few)
    with pytest.raises(ValueError, match="a target of `cbind` must count successes"):
        said.fit(X, counts + 40)


@pytest.mark.reference
def test_rows_of_two_classes_may_have_fractional_weights() -> None:
    # glmer(y ~ x + (1 | g), binomial, weights = w), lme4 1.1-31 with tolPwrss 1e-13 and
    # bobyqa to 1e-9; weights below one half it would round to none. Tolerance 1e-5.
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"x": rng.normal(size=300).round(3)})
    table["g"] = np.repeat(np.arange(30), 10)
    drawn = rng.uniform(size=300)
    chance = 1.0 / (1.0 + np.exp(-table["x"] - rng.normal(size=30)[table["g"]]))
    y = (drawn < chance).astype(int)
    table["w"] = rng.uniform(0.6, 2.0, size=300).round(2)
    model = GeneralizedLinearMixedModel("g", weights="w").fit(table, y)
    assert model.criterion_ == pytest.approx(435.5813711, abs=1e-5)
    found = [*model.fixed_effects_["estimate"], *model.variance_components_["variance"]]
    assert found == pytest.approx([-0.38682809, 1.12748629, 1.35007478], abs=1e-5)


@pytest.mark.parametrize("name", ["batch", "Residual", "Intercept"])
def test_a_group_of_any_name_keeps_its_variance(name: str) -> None:
    table = table_of().rename(columns={"g": name})
    X, y = table[["x", "z", name]], table["y"]
    normal = LinearMixedEffectsModel(name).fit(X, y).variance_components_
    assert list(normal["group"]) == [name, "Residual"]
    classes = (y > y.median()).astype(int)
    binary = GeneralizedLinearMixedModel(name).fit(X, classes).variance_components_
    assert list(binary["group"]) == [name]
    boosted = MixedEffectsBoosting(
        name, family="binomial", max_iterations=5, random_state=0
    )
    assert list(boosted.fit(X, classes).variance_components_["group"]) == [name]


def test_a_slope_called_intercept_is_refused_for_the_right_reason() -> None:
    table = table_of().rename(columns={"x": "Intercept"})
    message = (
        "a slope needs a name of its own, got the column 'Intercept', which is what "
        "the intercept is called; rename the column."
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        LinearMixedEffectsModel("g", "Intercept").fit(
            table[["Intercept", "g"]], table.y
        )
