import numpy as np
import optuna
import pandas as pd
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_squared_error

from flexcv import ObjectiveScorer
from flexcv.errors import FlexcvError
from flexcv.evaluation.tuning import InnerFold, TuningSettings, tune

SPACE = {"alpha": FloatDistribution(0.01, 100, log=True)}


@pytest.fixture
def folds():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(40, 3)), columns=list("abc"))
    y = X["a"].to_numpy() + rng.normal(size=40)
    return [
        InnerFold(X[:20], y[:20], X[20:], y[20:], {}),
        InnerFold(X[20:], y[20:], X[:20], y[:20], {}),
    ]


def test_the_best_trial_has_the_lowest_mean_objective(folds):
    tuned = tune(Ridge(), SPACE, folds, TuningSettings(12), seed=0)
    best = tuned.trials["value"].idxmin()
    assert tuned.params == {"alpha": tuned.trials.loc[best, "params_alpha"]}


def test_a_trials_value_is_the_mean_of_a_hand_written_loop(folds):
    tuned = tune(Ridge(), SPACE, folds, TuningSettings(3), seed=0)
    for _, trial in tuned.trials.iterrows():
        model = Ridge(alpha=trial["params_alpha"])
        scores = [
            mean_squared_error(
                f.y_valid, model.fit(f.X_train, f.y_train).predict(f.X_valid)
            )
            for f in folds
        ]
        assert trial["value"] == pytest.approx(np.mean(scores), abs=1e-12)


def test_equal_seeds_give_equal_trials_and_others_do_not(folds):
    first, second, other = (
        tune(Ridge(), SPACE, folds, TuningSettings(5), seed)
        .trials["params_alpha"]
        .tolist()
        for seed in (1, 1, 2)
    )
    assert first == second
    assert first != other


def test_a_custom_objective_sees_both_parts_and_its_direction_counts(folds):
    seen = []

    def objective(y_valid, y_pred, y_train_in, y_pred_train):
        seen.append((len(y_valid), len(y_pred), len(y_train_in), len(y_pred_train)))
        return -mean_squared_error(y_valid, y_pred)

    settings = TuningSettings(4, ObjectiveScorer(objective, greater_is_better=True))
    tuned = tune(Ridge(), SPACE, folds, settings, seed=0)
    assert set(seen) == {(20, 20, 20, 20)}
    best = tuned.trials["value"].idxmax()
    assert tuned.params["alpha"] == tuned.trials.loc[best, "params_alpha"]


def test_a_trial_without_a_number_is_never_chosen(folds):
    def objective(y_valid, y_pred):
        return np.nan if np.ptp(y_pred) < 1 else 1.0

    space = {"alpha": CategoricalDistribution([1.0, 1e9])}
    tuned = tune(
        Ridge(), space, folds, TuningSettings(8, ObjectiveScorer(objective)), seed=0
    )
    assert tuned.params == {"alpha": 1.0}
    assert set(tuned.trials["state"]) == {"complete", "fail"}


def test_an_objective_that_never_gives_a_number_is_refused(folds):
    settings = TuningSettings(3, ObjectiveScorer(lambda a, b: np.nan))
    with pytest.raises(FlexcvError) as caught:
        tune(Ridge(), SPACE, folds, settings, seed=0)
    assert str(caught.value) == (
        "the inner objective gave no number in any of 3 trials; "
        "check the objective and the search space."
    )


def test_an_error_in_a_trial_says_what_was_tried(folds):
    space = {"solver": CategoricalDistribution(["nonsense"])}
    with pytest.raises(ValueError, match="solver") as caught:
        tune(Ridge(), space, folds, TuningSettings(1), seed=0)
    assert caught.value.__notes__ == [
        "while trying {'solver': 'nonsense'} on inner fold 0"
    ]


def test_the_given_estimator_is_not_fitted_and_optuna_stays_as_loud_as_it_was(
    folds, caplog
):
    before = optuna.logging.get_verbosity()
    model = Ridge()
    tune(model, SPACE, folds, TuningSettings(2), seed=0)
    assert not hasattr(model, "coef_")
    assert optuna.logging.get_verbosity() == before
    assert not caplog.records
