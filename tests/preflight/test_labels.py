"""Labels of features and groups."""

import numpy as np
import pandas as pd
import pytest
from optuna.distributions import FloatDistribution
from sklearn.linear_model import Ridge

from flexcv import CrossValidation
from flexcv.errors import CheckError
from flexcv.models import (
    LinearMixedEffectsModel,
    LinearModel,
    PenalizedLinearMixedModel,
)
from flexcv.preflight.labels import labels_differ, unknown_levels

from .setups import findings, setup_of

Y = np.random.default_rng(2).normal(size=60)
SITE = np.array(["north", "south"] * 30, dtype=object)
RARE = np.append(SITE[:-1], "west")


def levels_told(**given):
    return [level for level, _ in findings(unknown_levels, setup_of(Y, **given))]


def test_a_level_without_training_rows_stops_a_model_that_refuses_it():
    setup = setup_of(Y, {"site": RARE}, models=[LinearModel()])
    assert findings(unknown_levels, setup) == [
        (
            "stop",
            "the level 'west' of 'site' stands in test rows of a fold and not in its "
            "training part, which 'model 0' refuses to predict; merge rare levels, "
            "choose splits that leave rows of each level in training, or set "
            "unknown_levels='zero' in the model.",
        )
    ]


def test_perform_stops_before_the_first_fit_unless_the_check_is_silenced():
    cv = (
        CrossValidation()
        .set_data({"site": RARE, "x": Y[::-1]}, Y)
        .add_model(LinearModel)
    )
    with pytest.raises(CheckError, match="the level 'west' of 'site' stands in test"):
        cv.perform()
    cv.add_model(LinearModel(unknown_levels="zero"), replace=True)
    assert cv.perform().get_results().scores["value"].notna().all()


def test_other_models_are_told_in_a_note():
    assert levels_told(columns={"site": RARE}, models=[Ridge()]) == ["note"]
    model = LinearModel(unknown_levels="zero")
    assert levels_told(columns={"site": RARE}, models=[model]) == ["note"]


def test_a_prediction_that_is_missing_stops_as_well():
    model = LinearModel(unknown_levels="missing")
    setup = setup_of(Y, {"site": RARE}, models=[model])
    assert (
        "'model 0' predicts as missing, which no score takes"
        in (findings(unknown_levels, setup)[0][1])
    )


def test_levels_that_training_always_shows_need_no_word():
    assert levels_told(columns={"site": SITE}, models=[LinearModel()]) == []


@pytest.mark.parametrize(
    ("model", "told_levels"),
    [
        (LinearMixedEffectsModel(formula="x"), ["note"]),
        (LinearMixedEffectsModel(formula="x + site"), ["stop"]),
        (LinearMixedEffectsModel(formula="0.5 * x + site2"), ["note"]),
        (LinearMixedEffectsModel(formula="."), ["stop"]),
        (LinearMixedEffectsModel(groups="site"), ["note"]),
        (LinearMixedEffectsModel(formula="x + (1 | site)"), ["note"]),
    ],
)
def test_a_model_is_stopped_by_the_columns_it_reads(model, told_levels):
    columns = {"x": Y, "site": RARE, "site2": SITE}
    assert levels_told(columns=columns, models=[model]) == told_levels


def test_inner_folds_of_a_tuned_model_count():
    site = np.append(SITE[:-2], ["west", "west"])
    rows = np.arange(60)
    outer = [(rows[30:], rows[:30])]
    space = {"alpha": FloatDistribution(0.1, 1.0)}
    model = PenalizedLinearMixedModel()
    columns = {"x": Y, "site": site}
    assert levels_told(columns=columns, models=[model], split=outer) == []
    found = findings(
        unknown_levels,
        setup_of(Y, columns, split=outer, models=[model], tuned=space),
    )
    assert {level for level, _ in found} <= {"stop"}


@pytest.mark.parametrize(
    ("first", "second"), [("P1", "P1 "), ("P1", "p1"), (1, "1"), ("a  b", "a b")]
)
def test_labels_that_are_one_but_for_the_writing_are_named(first, second):
    label = pd.Series([first, second, "other"] * 20, dtype=object)
    (level, text), *others = findings(labels_differ, setup_of(Y, {"f": label}))
    assert (level, others) == ("warn", [])
    assert text == (
        f"{first!r} and {second!r} of 'f' differ only by space, case or type and count "
        "as two levels: each is learned from a part of its rows; write each label in "
        "one way."
    )


def test_groups_that_are_one_but_for_the_writing_are_named():
    group = pd.Series(["P1", "P1 ", "P2"] * 20, name="who")
    found = findings(labels_differ, setup_of(Y, groups=group))
    assert "rows of one group may stand in training and test" in found[0][1]


def test_classes_that_are_one_but_for_the_writing_are_named():
    found = findings(labels_differ, setup_of(["yes", "no", "Yes"] * 20))
    assert "'yes' and 'Yes' of 'y'" in found[0][1]


def test_labels_that_differ_in_a_letter_are_two():
    label = ["P1", "P01", "P1b"] * 20
    assert not findings(labels_differ, setup_of(Y, {"f": label}))
