"""Which rows to predict are of known groups, in every family."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from flexcv import CrossValidation
from flexcv.errors import UnknownGroupsWarning
from flexcv.merf import MERF
from flexcv.models import (
    DeepMixtureLMM,
    GeneralizedLinearMixedModel,
    LinearMixedEffectsModel,
    LinearModel,
    MixedEffectsBoosting,
    PenalizedGeneralizedMixedModel,
    PenalizedLinearMixedModel,
)

N = 120
RNG = np.random.default_rng(0)
CODES = np.arange(N) % 12
TABLE = pd.DataFrame({"x": RNG.normal(size=N), "g": CODES + 300})
NUMBERS = TABLE["x"] + 2.0 * RNG.normal(size=12)[CODES] + 0.3 * RNG.normal(size=N)
CLASSES = np.where(NUMBERS > 0.5, "yes", "no")
FAMILIES: dict[str, tuple[Callable[[], Any], Any]] = {
    "linear": (lambda: LinearMixedEffectsModel("g", "x"), NUMBERS),
    "generalised": (lambda: GeneralizedLinearMixedModel("g"), CLASSES),
    "penalised": (lambda: PenalizedLinearMixedModel("g", alpha=0.01), NUMBERS),
    "penalised classes": (
        lambda: PenalizedGeneralizedMixedModel("g", alpha=0.01),
        CLASSES,
    ),
    "boosting": (
        lambda: MixedEffectsBoosting("g", max_iterations=5, random_state=0),
        NUMBERS,
    ),
    "merf": (lambda: MERF(Ridge(), "g"), NUMBERS),
    "merf classes": (
        lambda: MERF(LogisticRegression(), "g", family="binomial"),
        CLASSES,
    ),
    "curves": (
        lambda: DeepMixtureLMM("g", "x", n_components=(1, 1), n_basis=4),
        NUMBERS,
    ),
}
ANSWERS = (
    "predict",
    "predict_proba",
    "predict_mean",
    "predict_linear",
    "predict_interval",
    "simulate",
    "sample",
    "predict_quantiles",
    "predict_cluster",
    "predict_cluster_proba",
)


@pytest.fixture(scope="module", params=FAMILIES)
def model(request: pytest.FixtureRequest) -> Any:
    make, target = FAMILIES[request.param]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of short fits
        return make().fit(TABLE, target)


def answers_of(model: Any) -> list[Callable[..., Any]]:
    shown = [getattr(model, name) for name in ANSWERS if hasattr(model, name)]
    if getattr(model, "family", None) == "binomial":
        shown = [answer for answer in shown if answer.__name__ != "predict_interval"]
    return shown


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", ["str", "float", "Int64", "category", object])
def test_the_kind_of_labels_changes_no_prediction(model: Any, kind: Any) -> None:
    other = TABLE.assign(g=TABLE["g"].astype(kind))
    np.testing.assert_array_equal(model.predict(other), model.predict(TABLE))


def test_a_table_that_was_written_and_read_predicts_the_same(model: Any) -> None:
    again = pd.read_csv(io.StringIO(TABLE.to_csv(index=False)), dtype={"g": str})
    np.testing.assert_array_equal(model.predict(again), model.predict(TABLE))


@pytest.mark.parametrize("shift", [0.0, 0.25])
def test_labels_learned_as_text_are_known_as_numbers(shift: float) -> None:
    texts = TABLE.assign(g=(TABLE["g"] + shift).astype(str))
    model = LinearMixedEffectsModel("g").fit(texts, NUMBERS)
    again = pd.read_csv(io.StringIO(texts.to_csv(index=False)))
    assert again["g"].dtype == np.float64
    np.testing.assert_array_equal(model.predict(again), model.predict(texts))
    assert model.random_effects_["g"].index[0] == f"{300 + shift}"


def test_one_warning_tells_of_a_table_without_a_known_group(model: Any) -> None:
    wrong = TABLE.assign(g=[f"0{label}" for label in TABLE["g"]])
    for answer in answers_of(model):
        if answer.__name__ in ("simulate",):
            continue
        with pytest.warns(UnknownGroupsWarning) as caught:
            answer(wrong)
        assert [str(w.message) for w in caught] == [
            "no row of this table has a known group: column 'g' has 12 label(s) (text "
            "such as '0300') where training had 12 label(s) (whole numbers such as "
            "300); write labels as in training, or predict new groups with "
            "known_groups='population'."
        ]


@pytest.mark.filterwarnings("error")
def test_population_predictions_and_one_known_row_warn_of_nothing() -> None:
    some = TABLE.assign(g=np.where(np.arange(N) == 0, 300, -1))
    LinearMixedEffectsModel("g").fit(TABLE, NUMBERS).predict(some)
    whole = LinearMixedEffectsModel("g", known_groups="population")
    whole.fit(TABLE, NUMBERS).predict(TABLE.assign(g=-1))


def test_a_factor_of_another_kind_is_told_of_though_another_is_known() -> None:
    table = TABLE.assign(h=np.arange(N) % 7)
    model = LinearMixedEffectsModel(["g", "h"]).fit(table, NUMBERS)
    model.predict(table.assign(h=99))
    with pytest.warns(UnknownGroupsWarning, match="column 'h' has 1 label") as caught:
        model.predict(table.assign(h="no. 3"))
    assert "'g'" not in str(caught[0].message)


def test_pairs_of_an_interaction_are_matched_column_by_column() -> None:
    table = TABLE.assign(h=np.arange(N) % 5)
    model = LinearMixedEffectsModel(random="(1 | g:h)").fit(table, NUMBERS)
    other = table.assign(g=table["g"].astype(str), h=table["h"].astype(float))
    np.testing.assert_array_equal(model.predict(other), model.predict(table))


def test_a_missing_group_is_refused_as_by_fit(model: Any) -> None:
    holes = TABLE.assign(g=TABLE["g"].where(TABLE.index > 3))
    for answer in answers_of(model):
        with pytest.raises(ValueError) as caught:
            answer(holes)
        assert str(caught.value) == (
            "grouping column 'g' must have a label in every row, got missing values; "
            "fill them or drop the rows."
        )


def test_a_table_without_rows_gives_an_answer_without_rows(model: Any) -> None:
    for answer in answers_of(model):
        full, empty = answer(TABLE), answer(TABLE[:0])
        axis = 1 if answer.__name__ == "sample" else 0
        wanted = tuple(0 if k == axis else n for k, n in enumerate(full.shape))
        assert empty.shape == wanted
        if isinstance(full, pd.DataFrame):
            assert list(empty.columns) == list(full.columns)
        else:
            assert empty.dtype == full.dtype


@pytest.mark.parametrize("made", [LinearModel(), LinearMixedEffectsModel()])
def test_plain_models_answer_no_rows_with_none(made: Any) -> None:
    for X in (TABLE[["x"]], TABLE[["x"]].to_numpy()):
        empty = made.fit(X, NUMBERS).predict(X[:0])
        assert empty.shape == (0,)
        assert empty.dtype == np.float64


def test_visits_that_no_row_asks_for_are_told_of() -> None:
    model = FAMILIES["curves"][0]().fit(TABLE, NUMBERS)
    ahead = pd.DataFrame({"x": [0.1, 0.2], "g": 999})
    seen = pd.DataFrame({"x": [0.0, 0.3], "g": [998, 999]})
    with pytest.warns(UnknownGroupsWarning) as caught:
        model.predict(ahead, condition_on=(seen, [1.0, 2.0]))
    assert [str(w.message) for w in caught] == [
        "`condition_on` has rows of 1 subject(s) that no row asks for, such as 998, and "
        "they change nothing; write labels as in the table to predict, or drop these "
        "rows."
    ]


def test_visits_are_of_the_subject_that_their_label_means() -> None:
    model = FAMILIES["curves"][0]().fit(TABLE, NUMBERS)
    ahead = pd.DataFrame({"x": [0.1, 0.2], "g": 999})
    seen = pd.DataFrame({"x": [0.0, 0.3], "g": 999})
    wanted = model.predict(ahead, condition_on=(seen, [1.0, 2.0]))
    as_text = seen.assign(g="999"), [1.0, 2.0]
    np.testing.assert_allclose(model.predict(ahead, condition_on=as_text), wanted)


def test_no_visits_change_no_prediction() -> None:
    model = FAMILIES["curves"][0]().fit(TABLE, NUMBERS)
    nothing = (TABLE[:0], [])
    again = model.predict(TABLE, condition_on=nothing)
    np.testing.assert_allclose(again, model.predict(TABLE))


def test_folds_of_new_groups_warn_of_nothing() -> None:
    chain = (
        CrossValidation()
        .set_data(TABLE[["x"]], NUMBERS.rename("y"), TABLE["g"])
        .set_splits(split_out="GroupKFold", n_splits_out=3)
        .add_model(LinearMixedEffectsModel())
    )
    results = chain.perform().get_results()
    assert "UnknownGroupsWarning" not in set(results.warnings.get("category", []))
