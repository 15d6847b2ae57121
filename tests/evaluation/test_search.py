"""Where tuning looks, and which trial it takes."""

import numpy as np
import optuna
import pandas as pd
import pytest
from optuna.distributions import (
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from sklearn.linear_model import Ridge

from flexcv.evaluation.search import (
    RacingPruner,
    as_points,
    ask,
    contains,
    defaults_inside,
    points_inside,
    simplest_within_one_error,
)


@pytest.mark.parametrize(
    ("distribution", "inside", "outside"),
    [
        (FloatDistribution(0.1, 2.0), [0.1, 1, 2.0], [0.09, 2.1, "1", True, None]),
        (FloatDistribution(0.0, 1.0, step=0.25), [0.5, 1.0], [0.3]),
        (IntDistribution(1, 9, step=2), [1, 3, 9.0], [2, 0, 11]),
        (CategoricalDistribution(["a", None]), ["a", None], ["b", 1]),
    ],
)
def test_what_a_distribution_can_give_is_known(distribution, inside, outside):
    assert all(contains(distribution, value) for value in inside)
    assert not any(contains(distribution, value) for value in outside)


def test_points_keep_what_the_space_contains():
    space = {"alpha": FloatDistribution(0.1, 2.0)}
    points = [{"alpha": 1.0, "solver": "svd"}, {"alpha": 5.0}]
    assert points_inside(points, space) == [{"alpha": 1.0}, {}]
    assert points_inside(points, lambda trial: {}) == points
    assert defaults_inside(Ridge(), space) == {"alpha": 1.0}
    assert defaults_inside(Ridge(), lambda trial: {}) == {}


def test_starting_points_may_be_one_many_or_a_table():
    assert as_points(None) == ()
    assert as_points({"alpha": 1}) == ({"alpha": 1},)
    assert as_points([{"alpha": 1}, {}]) == ({"alpha": 1}, {})
    table = pd.DataFrame({"model": ["a", "b"], "fold": 0, "alpha": [1.0, np.nan]})
    assert as_points(table) == ({"alpha": 1.0}, {})
    with pytest.raises(TypeError, match="`warm_start`"):
        as_points([3])


def test_a_function_must_return_parameters():
    study = optuna.create_study()
    _, params = ask(study, lambda trial: {"k": trial.suggest_int("k", 2, 2)})
    assert params == {"k": 2}
    with pytest.raises(TypeError, match=r"must return a dictionary .* got int"):
        ask(study, lambda trial: 3)


def study_of(best, other, direction="minimize"):
    study = optuna.create_study(direction=direction)
    trial = study.ask()
    for step, value in enumerate(best):
        trial.report(value, step)
    study.tell(trial, float(np.mean(best)))
    trial = study.ask()
    for step, value in enumerate(other):
        trial.report(value, step)
    return study, study.get_trials(deepcopy=False)[1]


@pytest.mark.parametrize(
    ("best", "other", "stops"),
    [
        ([1.0, 1.1, 0.9], [2.0, 2.1], True),  # worse by the same on both
        ([1.0, 1.1, 0.9], [2.0], False),  # one fold tells nothing
        ([1.0, 1.1, 0.9], [1.0, 1.1], False),
        ([1.0, 1.1, 0.9], [0.5, 0.4], False),
        ([1.0, 1.1, 0.9], [9.0, 0.9, 1.2], False),  # worse, but for one fold
    ],
)
def test_a_race_stops_what_is_clearly_worse(best, other, stops):
    assert RacingPruner().prune(*study_of(best, other)) is stops
    mirrored = study_of([-v for v in best], [-v for v in other], "maximize")
    assert RacingPruner().prune(*mirrored) is stops


def test_a_race_without_a_finished_trial_stops_nobody():
    study = optuna.create_study()
    trial = study.ask()
    trial.report(1.0, 0)
    assert not RacingPruner().prune(study, study.get_trials(deepcopy=False)[0])


def trials(**columns):
    frame = {"fold_0": [0.8, 0.9, 2.0], "fold_1": [1.2, 1.2, 2.0]}
    return pd.DataFrame({"value": [1.0, 1.05, 2.0]} | frame | columns)


def test_the_simplest_near_the_best_is_taken_by_the_first_parameter_that_differs():
    table = trials(params_depth=[9, 3, 1], params_alpha=[0.1, 0.2, 9.0])
    assert simplest_within_one_error(table, ("depth",), maximise=False) == 1
    assert simplest_within_one_error(table, ("-alpha",), maximise=False) == 1
    assert simplest_within_one_error(table, ("alpha",), maximise=False) == 0
    same = table.assign(params_depth=3)
    assert simplest_within_one_error(same, ("depth", "alpha"), maximise=False) == 0
    lost = table.assign(value=-table["value"], fold_0=-table["fold_0"])
    lost = lost.assign(fold_1=-lost["fold_1"])
    assert simplest_within_one_error(lost, ("depth",), maximise=True) == 1


def test_what_lies_farther_than_the_error_of_the_mean_is_not_near():
    table = trials(params_depth=[9, 3, 1]).assign(value=[1.0, 1.21, 2.0])
    assert simplest_within_one_error(table, ("depth",), maximise=False) == 0
    near = table.assign(value=[1.0, 1.19, 2.0])
    assert simplest_within_one_error(near, ("depth",), maximise=False) == 1


def test_a_parameter_that_is_not_tuned_is_refused():
    with pytest.raises(ValueError, match="names 'dept', which is not tuned"):
        simplest_within_one_error(trials(params_depth=[1, 2, 3]), ("dept",), False)
