import itertools
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flexcv.models.alternating.alternation import (
    alternate,
    has_settled,
    relative_change,
)
from flexcv.models.alternating.out_of_sample import Refit
from flexcv.models.alternating.outcomes import NormalOutcome
from flexcv.models.alternating.working import Task
from flexcv.models.design.columns import RandomDesign
from flexcv.models.gaussian.residual_effects import (
    distinct_columns,
    no_effects,
    starting_effects,
)

NOTHING = distinct_columns(RandomDesign((), 4), np.ones(4))


def test_the_change_is_that_of_the_likelihood_per_row():
    old = replace(starting_effects(NOTHING), loglik=-10.0, n_rows=4)
    new = replace(old, loglik=-10.0 + 4 * np.log(1.01))
    assert relative_change(new, old) == pytest.approx(0.01)


def test_the_change_does_not_depend_on_the_units_of_the_target():
    old = replace(starting_effects(NOTHING), loglik=-10.0, n_rows=4)
    new = replace(old, loglik=-9.5)
    shift = 4 * np.log(1000.0)
    scaled = [replace(state, loglik=state.loglik - shift) for state in (new, old)]
    assert relative_change(*scaled) == pytest.approx(relative_change(new, old))


def test_the_first_round_has_no_change():
    old = starting_effects(NOTHING)
    assert np.isnan(relative_change(replace(old, loglik=1.0), old))


@given(st.lists(st.floats(0.0, 1.0), max_size=8), st.integers(1, 4))
def test_settled_means_that_the_newest_changes_all_lie_below(changes, patience):
    newest = changes[-patience:]
    expected = len(changes) >= patience and max(newest) < 0.1
    assert has_settled(changes, 0.1, patience) == expected


def test_one_large_new_change_unsettles():
    assert has_settled([0.01, 0.01], 0.1, 2)
    assert not has_settled([0.01, 0.01, 0.5], 0.1, 2)


def test_a_failing_learner_says_in_which_iteration():
    outcomes = iter([Refit("learner", np.zeros(4), "in_sample")] * 2)

    def fails_the_third_time(task, before):
        try:
            return next(outcomes)
        except StopIteration:
            raise ValueError("out of luck") from None

    def solve(random, residuals, previous):
        return no_effects(random, residuals)

    outcome = NormalOutcome(NOTHING, np.arange(4.0), solve)
    rounds = alternate(fails_the_third_time, outcome)
    with pytest.raises(ValueError, match="out of luck") as caught:
        list(itertools.islice(rounds, 5))
    assert caught.value.__notes__ == [
        "in iteration 3 of MERF; the 2 finished iteration(s) are kept in the estimator"
    ]


def test_seconds_of_the_halves_are_no_more_than_went_by():
    def refitted(task, before):
        return Refit(None, np.zeros(4), "in_sample")

    class Nothing:
        def start(self):
            return starting_effects(NOTHING)

        def task(self, refit, state):
            return Task(np.arange(4.0))

        def solve(self, fitted, state):
            return state

    began = time.perf_counter()
    finished = next(alternate(refitted, Nothing()))
    spent = time.perf_counter() - began
    assert 0.0 <= finished.learner_seconds <= spent
    assert 0.0 <= finished.effects_seconds <= spent
