import numpy as np
import optuna
import pandas as pd
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution

from flexcv.evaluation.importances import frozen_trials, importances_of, is_complete

SPACE = {"a": FloatDistribution(0.0, 1.0), "b": FloatDistribution(0.0, 1.0)}


def study_of_a(n_trials=40):
    """A study whose value is decided by `a` alone."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(0))
    for _ in range(n_trials):
        trial = study.ask(SPACE)
        study.tell(trial, trial.params["a"])
    return study


def test_the_parameter_that_decides_has_the_larger_share():
    shares = importances_of(study_of_a().trials, SPACE, greater_is_better=False)

    assert shares["a"] > 0.9
    assert sum(shares.values()) == pytest.approx(1.0)


@pytest.mark.parametrize("greater", [False, True])
def test_a_table_of_trials_gives_what_the_study_gives(greater):
    study = study_of_a()
    table = study.trials_dataframe().assign(state="complete")

    found = importances_of(frozen_trials(table, SPACE), SPACE, greater)

    assert found == importances_of(study.trials, SPACE, greater)


def test_few_trials_or_one_parameter_say_nothing():
    trials = study_of_a(7).trials

    assert importances_of(trials, SPACE, False) == {}
    assert importances_of(study_of_a().trials, {"a": SPACE["a"]}, False) == {}


def test_only_complete_trials_with_finite_values_count():
    table = pd.DataFrame(
        {
            "value": [1.0, np.nan, np.inf, 2.0],
            "state": ["complete", "complete", "complete", "pruned"],
        }
    )

    assert is_complete(table).tolist() == [True, False, False, False]


def test_a_choice_of_none_survives_the_table():
    space = {"depth": CategoricalDistribution([None, 3])}
    table = pd.DataFrame({"value": [1.0, 2.0], "params_depth": [np.nan, 3.0]})

    params = [trial.params["depth"] for trial in frozen_trials(table, space)]

    assert params == [None, 3]


def test_the_verbosity_of_optuna_stays_what_it_was():
    trials = study_of_a().trials
    optuna.logging.set_verbosity(optuna.logging.INFO)

    importances_of(trials, SPACE, False)

    assert optuna.logging.get_verbosity() == optuna.logging.INFO
