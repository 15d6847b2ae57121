"""Samplers of trials: one generator for each trial, whoever asks."""

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.samplers import GridSampler, QMCSampler, RandomSampler, TPESampler
from optuna.trial import TrialState

from flexcv.evaluation.sampling import (
    TrialSampler,
    check_sampler,
    make_sampler,
    sampler_for,
)
from flexcv.evaluation.search import told

SPACE = {"x": FloatDistribution(0.0, 1.0)}


def drawn(make, seed, n, first=()):
    study = optuna.create_study(sampler=TrialSampler(make, seed, first))
    found = []
    for _ in range(n):
        trial = study.ask(SPACE)
        found.append(trial.params["x"])
        told(study, trial, TrialState.COMPLETE, trial.params["x"])
    return found


def test_equal_seeds_draw_alike_and_trials_differ():
    one, same, other = drawn(None, 1, 4), drawn(None, 1, 4), drawn(None, 2, 4)
    assert one == same != other
    assert len(set(one)) == 4


def test_a_trial_hangs_on_its_number_alone():
    a, b = (sampler_for(RandomSampler, 1, 3) for _ in range(2))
    draws = [
        optuna.create_study(sampler=s).ask().suggest_float("x", 0, 1) for s in (a, b)
    ]
    assert draws[0] == draws[1]


def test_a_sequence_is_walked_along_by_all_trials():
    grid = drawn(lambda seed: GridSampler({"x": [0.0, 0.5, 1.0]}, seed=seed), 1, 3)
    assert sorted(grid) == [0.0, 0.5, 1.0]


def test_the_first_trials_are_the_points_that_were_given():
    assert drawn(None, 1, 2, ({"x": 0.25},))[0] == 0.25
    assert drawn(None, 1, 2, ({"x": 7.0},))[0] <= 1.0
    assert (
        drawn(None, 1, 3, ({"x": 0.25},))[1:] == drawn(None, 1, 3, ({"x": 0.25},))[1:]
    )


def test_a_class_gets_its_seed_by_keyword_and_a_function_by_place():
    assert isinstance(make_sampler(TPESampler, 3), TPESampler)

    def given(number):
        return RandomSampler(number)

    assert isinstance(make_sampler(RandomSampler, 3), RandomSampler)


@pytest.mark.parametrize(
    ("sampler", "kind", "message"),
    [
        (RandomSampler(), TypeError, "got the object RandomSampler; pass the class"),
        (3, TypeError, "must be a sampler's class or a function of a seed, got 3"),
        (lambda seed: 3, TypeError, "must be a function that gives an Optuna sampler"),
        (lambda seed: RandomSampler(), ValueError, "draws other numbers"),
        (optuna.samplers.PartialFixedSampler, TypeError, "takes no seed"),
    ],
)
def test_what_forgets_its_seed_is_refused(sampler, kind, message):
    with pytest.raises(kind, match=message):
        check_sampler(sampler)


@pytest.mark.parametrize(
    "sampler", [TPESampler, QMCSampler, lambda seed: RandomSampler(seed=seed)]
)
@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_what_keeps_its_seed_is_taken(sampler):
    check_sampler(sampler)
