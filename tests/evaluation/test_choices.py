"""Choices that JSON cannot hold are drawn by their place."""

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, IntDistribution
from sklearn.linear_model import Ridge

from flexcv.evaluation.choices import (
    Suggesting,
    are_plain,
    choices_by_place,
    drawn_from,
    params_from,
    place_of,
)

pytestmark = pytest.mark.filterwarnings("ignore:Choices for a categorical")
RIDGE = Ridge()


@pytest.mark.parametrize(
    ("choices", "plain"),
    [
        (["a", "b"], True),
        ([1, 2.5, None, True], False),  # 1 and True are one to Optuna
        ([1, 2.5, None], True),
        ([1, 1.0], False),
        ([float("nan"), 1.0], False),
        ([(1, 2), (3,)], False),
        ([np.float64(1.0)], False),
    ],
)
def test_plain_choices_are_those_that_a_journal_keeps(choices, plain):
    assert are_plain(choices) is plain


def test_a_study_draws_places_of_what_is_not_plain():
    shapes = CategoricalDistribution([(1, 2), (3,)])
    space = {"shape": shapes, "depth": IntDistribution(1, 3)}
    drawn = drawn_from(space)
    assert drawn["shape"].choices == (0, 1)
    assert drawn["depth"] is space["depth"]
    assert params_from(space, {"shape": 1, "depth": 2}) == {"shape": (3,), "depth": 2}
    assert choices_by_place("depth", space["depth"]) is None


def test_a_function_gets_the_choice_and_the_study_its_place():
    noted = {}

    def space(trial):
        return {"model": trial.suggest_categorical("model", [RIDGE, None])}

    study = optuna.create_study()
    trial = study.ask()
    found = space(Suggesting(trial, noted.__setitem__))["model"]
    assert noted == {"model": [RIDGE, None]}
    assert found is [RIDGE, None][trial.params["model"]]
    assert params_from(space, trial.params)["model"] is found


def test_a_place_is_that_of_the_choice_itself_its_like_or_its_equal():
    assert place_of([True, 1, 1.0], 1) == 1
    assert place_of([True, 1.0], 1.0) == 1
    assert place_of([1.0, 2.0], 2) == 1
    other = Ridge()
    assert place_of([other, RIDGE], RIDGE) == 1
    assert place_of([np.ones(2)], np.ones(2)) is None
    assert place_of(["a"], "b") is None
