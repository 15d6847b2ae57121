import numpy as np
import optuna
import pandas as pd
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_squared_error

from flexcv import ObjectiveScorer
from flexcv.errors import FlexcvError
from flexcv.evaluation.journal import TrialStore
from flexcv.evaluation.search import (
    RacingPruner,
    as_points,
    simplest_within_one_error,
)
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


def test_the_models_own_parameters_are_tried_first(folds):
    tuned = tune(Ridge(alpha=7.5), SPACE, folds, TuningSettings(3), seed=0)
    assert tuned.trials["params_alpha"][0] == 7.5
    settings = TuningSettings(3, try_defaults=False)
    assert (
        tune(Ridge(alpha=7.5), SPACE, folds, settings, seed=0).trials["params_alpha"][0]
        != 7.5
    )


def test_own_parameters_outside_the_space_are_not_tried(folds):
    space = {"alpha": FloatDistribution(0.01, 0.5)}
    trials = tune(Ridge(alpha=7.5), space, folds, TuningSettings(3), seed=0).trials
    assert trials["params_alpha"].max() <= 0.5


def test_a_warm_start_comes_after_the_own_parameters(folds):
    settings = TuningSettings(
        4, warm_start=as_points([{"alpha": 3.0, "other": 1}, {"alpha": 4.0}])
    )
    trials = tune(Ridge(), SPACE, folds, settings, seed=0).trials
    assert trials["params_alpha"][:3].tolist() == [1.0, 3.0, 4.0]


def test_the_params_of_an_earlier_run_are_a_warm_start():
    params = pd.DataFrame(
        {
            "model": ["a", "b"],
            "repeat": 0,
            "fold": [0, 1],
            "alpha": [2.0, np.nan],
            "depth": pd.array([None, 3], dtype="Int64"),
        }
    )
    assert as_points(params) == ({"alpha": 2.0}, {"depth": 3})


def test_any_sampler_of_optuna_works_by_its_class_or_a_function(folds):
    grid = {"alpha": [0.1, 1.0, 10.0]}

    def tried(sampler):
        settings = TuningSettings(3, sampler=sampler, try_defaults=False)
        return tune(Ridge(), SPACE, folds, settings, seed=0).trials["params_alpha"]

    for kind in (
        optuna.samplers.RandomSampler,
        optuna.samplers.TPESampler,
        optuna.samplers.NSGAIISampler,
    ):
        assert tried(kind).between(0.01, 100).all()
    by_grid = tried(lambda seed: optuna.samplers.GridSampler(grid, seed=seed))
    assert sorted(by_grid) == grid["alpha"]


def test_a_grid_ends_the_tuning_when_it_is_used_up(folds):
    def sampler(seed):
        return optuna.samplers.GridSampler({"alpha": [0.1, 1.0]}, seed=seed)

    settings = TuningSettings(10, sampler=sampler, try_defaults=False)
    assert len(tune(Ridge(), SPACE, folds, settings, seed=0).trials) == 2


def test_a_space_may_be_a_function_with_conditions(folds):
    def suggest(trial):
        if trial.suggest_categorical("kind", ["strong", "weak"]) == "weak":
            return {"alpha": 0.1}
        return {
            "alpha": trial.suggest_float("strength", 10, 20),
            "fit_intercept": False,
        }

    tuned = tune(Ridge(), suggest, folds, TuningSettings(10), seed=0)
    weak = tuned.trials["params_fit_intercept"].isna()
    assert (tuned.trials.loc[weak, "params_alpha"] == 0.1).all()
    assert tuned.trials.loc[~weak, "params_alpha"].between(10, 20).all()
    assert set(tuned.params) <= {"alpha", "fit_intercept"}


def test_racing_stops_trials_that_are_clearly_worse(folds):
    rng = np.random.default_rng(1)
    X = pd.DataFrame(rng.normal(size=(300, 3)), columns=list("abc"))
    y = X["a"].to_numpy() * 3 + rng.normal(size=300)
    five = [
        InnerFold(
            X.drop(X.index[k::5]), np.delete(y, slice(k, None, 5)), X[k::5], y[k::5], {}
        )
        for k in range(5)
    ]
    space = {"alpha": FloatDistribution(0.01, 1e5, log=True)}
    full = tune(Ridge(), space, five, TuningSettings(20), seed=0)
    raced = tune(
        Ridge(), space, five, TuningSettings(20, pruner=RacingPruner()), seed=0
    )
    pruned = raced.trials[raced.trials["state"] == "pruned"]
    assert len(pruned) >= 3
    assert pruned["fold_4"].isna().all()
    assert (
        raced.trials.loc[raced.trials["state"] == "complete", "value"].min()
        <= full.trials["value"].min() * 1.01
    )


def test_racing_goes_on_with_a_trial_that_is_worse_by_rounding():
    study = optuna.create_study(pruner=RacingPruner())
    best = optuna.trial.create_trial(value=0.1, intermediate_values={0: 0.1, 1: 0.1})
    study.add_trial(best)
    trial = study.ask()
    for fold in range(2):
        trial.report(0.1 + 1e-15, fold)
    assert not trial.should_prune()


def test_of_trials_that_differ_by_rounding_the_first_is_the_best():
    trials = pd.DataFrame({"value": [2.0, 1.0 + 1e-13, 1.0], "params_depth": [1, 2, 3]})
    assert simplest_within_one_error(trials, ("-depth",), maximise=False) == 2
    assert simplest_within_one_error(trials, ("depth",), maximise=False) == 1


def test_optunas_own_pruners_work(folds):
    settings = TuningSettings(
        12, pruner=optuna.pruners.MedianPruner(n_startup_trials=2)
    )
    assert "pruned" in set(
        tune(Ridge(), SPACE, folds, settings, seed=0).trials["state"]
    )


def test_the_one_standard_error_rule_takes_the_simplest_near_the_best(folds):
    best = tune(Ridge(), SPACE, folds, TuningSettings(15), seed=0)
    simple = tune(
        Ridge(),
        SPACE,
        folds,
        TuningSettings(15, one_standard_error=("-alpha",)),
        seed=0,
    )
    trials = best.trials
    row = trials.loc[trials["value"].idxmin()]
    error = row[["fold_0", "fold_1"]].astype(float).std(ddof=1) / np.sqrt(2)
    near = trials[trials["value"] <= row["value"] + error]
    assert simple.params["alpha"] == near["params_alpha"].max()


def test_a_timeout_starts_no_new_trial_but_always_runs_one(folds):
    assert (
        len(tune(Ridge(), SPACE, folds, TuningSettings(50, timeout=0.0), seed=0).trials)
        == 1
    )


def test_a_stopped_tuning_goes_on_as_if_it_had_not_stopped(folds, tmp_path):
    whole = tune(Ridge(), SPACE, folds, TuningSettings(30), seed=4)
    file = tmp_path / "trials.log"
    store = TrialStore(file, "unit")
    tune(Ridge(), SPACE, folds, TuningSettings(17), seed=4, store=store)
    with file.open("ab") as stream:
        stream.write(b'{"op_code": 4, "half a li')  # what a killed process leaves
    resumed = tune(Ridge(), SPACE, folds, TuningSettings(30), seed=4, store=store)
    assert resumed.params == whole.params
    columns = ["trial", "value", "state", "params_alpha", "fold_0", "fold_1"]
    pd.testing.assert_frame_equal(
        resumed.trials[columns], whole.trials[columns], check_exact=True
    )


def test_the_listener_hears_each_trial_and_the_best_so_far(folds):
    heard = []
    tuned = tune(
        Ridge(),
        SPACE,
        folds,
        TuningSettings(5),
        seed=0,
        tell=lambda *args: heard.append(args),
    )
    assert [number for number, _, _ in heard] == [0, 1, 2, 3, 4]
    assert [best for _, _, best in heard] == tuned.trials["value"].cummin().tolist()


class Seedless(optuna.samplers.RandomSampler):
    def __init__(self):
        super().__init__()


REFUSED = {
    "sampler object": (lambda: TuningSettings(sampler=optuna.samplers.RandomSampler()), "`sampler` must be a sampler's class or a function of a seed, got the object RandomSampler; pass the class, so that every fold and model gets a seed of its own."),
    "sampler without a seed": (lambda: TuningSettings(sampler=Seedless), "`sampler` Seedless takes no seed, so runs with it would not repeat; pass a function of a seed that makes one."),
    "sampler that forgets its seed": (lambda: TuningSettings(sampler=lambda seed: optuna.samplers.RandomSampler()), "`sampler` draws other numbers when it gets the same seed; hand its argument on: lambda seed: TPESampler(seed=seed)."),
    "sampler that is none": (lambda: TuningSettings(sampler=lambda seed: seed), "`sampler` must be a function that gives an Optuna sampler, got int from it."),
    "pruner": (lambda: TuningSettings(pruner="median"), "`pruner` must be one of Optuna's pruners or a RacingPruner, got 'median'."),
    "timeout": (lambda: TuningSettings(timeout=-1), "`timeout` must be at least 0.0, got -1."),
    "warm start": (lambda: as_points([3]), "`warm_start` must be a dictionary, got int; pass names and values as {'name': value}."),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_unusable_settings_are_refused_in_one_sentence(case):
    call, message = REFUSED[case]
    with pytest.raises((TypeError, ValueError)) as caught:
        call()
    assert str(caught.value) == message


def test_a_misspelt_parameter_of_the_one_error_rule_is_offered_its_near_miss(folds):
    settings = TuningSettings(2, one_standard_error=("alpa",))
    with pytest.raises(ValueError, match="which is not tuned; did you mean 'alpha'"):
        tune(Ridge(), SPACE, folds, settings, seed=0)


def test_a_function_that_returns_no_dictionary_is_refused(folds):
    with pytest.raises(
        TypeError,
        match="must return a dictionary of the estimator's parameters, got float",
    ):
        tune(Ridge(), lambda trial: 3.0, folds, TuningSettings(1), seed=0)


def test_one_inner_fold_has_no_standard_error_and_gives_the_best(folds):
    settings = TuningSettings(8, one_standard_error=("-alpha",))
    tuned = tune(Ridge(), SPACE, folds[:1], settings, seed=0)
    best = tuned.trials["value"].idxmin()
    assert tuned.params["alpha"] == tuned.trials.loc[best, "params_alpha"]
