import functools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from optuna.distributions import FloatDistribution
from optuna.pruners import MedianPruner
from optuna.samplers import RandomSampler
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Lasso, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from flexcv.dataset import make_dataset
from flexcv.evaluation import ScalingSettings, TuningSettings
from flexcv.evaluation.fingerprints import (
    data_identity,
    differences,
    metric_identity,
    model_identity,
    processors_identity,
    run_fingerprints,
    run_identity,
)
from flexcv.metrics import Metric, ObjectiveScorer
from flexcv.model_mapping import ModelSpec, Variant
from flexcv.resampling import SplitSettings, make_plan

ALPHA = {"alpha": FloatDistribution(0.1, 1.0)}
TUNED = ModelSpec("Ridge", Ridge(), ALPHA)
TUNING = TuningSettings()


def looks(fitted):
    return ()


def looks_closer(fitted):
    return (1,)


CHANGED_MODELS = {
    "name": replace(TUNED, name="Other"),
    "class": replace(TUNED, estimator=Lasso()),
    "parameter": replace(TUNED, estimator=Ridge(2.0)),
    "pipeline": replace(TUNED, estimator=make_pipeline(Ridge())),
    "space": replace(TUNED, search_space={"alpha": FloatDistribution(0.1, 2.0)}),
    "space by a function": replace(TUNED, search_space=lambda trial: {}),
    "number of trials": replace(TUNED, n_trials=7),
    "fit argument": replace(TUNED, fit_params={"sample_weight": np.ones(3)}),
    "variant": replace(TUNED, variants=(Variant("MERF(Ridge)", functools.partial(max, 1)),)),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGED_MODELS, ids=str)
def test_what_decides_the_predictions_enters_the_identity(change):
    assert model_identity(CHANGED_MODELS[change], TUNING) != model_identity(
        TUNED, TUNING
    )


CHANGED_TUNING = {
    "n_trials": TuningSettings(n_trials=7),
    "objective": TuningSettings(objective=ObjectiveScorer(lambda y, p: 0.0)),
    "sampler": TuningSettings(sampler=RandomSampler),
    "sampler by a function": TuningSettings(
        sampler=lambda seed: RandomSampler(seed + 1)
    ),
    "pruner": TuningSettings(pruner=MedianPruner()),
    "timeout": TuningSettings(timeout=3.0),
    "defaults": TuningSettings(try_defaults=False),
    "warm start": TuningSettings(warm_start=({"alpha": 1.0},)),
    "rule": TuningSettings(one_standard_error=("alpha",)),
}


@pytest.mark.parametrize("change", CHANGED_TUNING, ids=str)
def test_a_tuned_model_depends_on_its_tuning_and_another_does_not(change):
    other, plain = CHANGED_TUNING[change], replace(TUNED, search_space={})
    assert model_identity(TUNED, TUNING) != model_identity(TUNED, other)
    assert model_identity(plain, TUNING) == model_identity(plain, other)


def test_the_trials_of_the_model_hide_those_of_the_run():
    spec = replace(TUNED, n_trials=7)
    assert model_identity(spec, TuningSettings(n_trials=7)) == model_identity(
        spec, TuningSettings(n_trials=9)
    )
    assert model_identity(spec, TUNING) == model_identity(
        TUNED, TuningSettings(n_trials=7)
    )


def test_the_order_of_fit_arguments_does_not_count():
    one, other = (
        replace(TUNED, fit_params=dict(pairs))
        for pairs in ([("a", 1), ("b", 2)], [("b", 2), ("a", 1)])
    )
    assert model_identity(one, TUNING) == model_identity(other, TUNING)


def test_a_post_processor_is_no_part_of_the_model():
    one, other = (
        replace(TUNED, post_processors=(each,)) for each in (looks, looks_closer)
    )
    assert model_identity(one, TUNING) == model_identity(other, TUNING)
    assert processors_identity(one) != processors_identity(other)


def test_metrics_are_told_apart_by_what_they_compute():
    one, same, other = (
        metric_identity(Metric("spread", function))
        for function in (lambda y, p: p.std(), lambda y, p: p.std(), np.var)
    )
    assert one == same
    assert one != other
    assert metric_identity(Metric("a", max, True)) != metric_identity(Metric("a", max))


def test_what_cannot_be_identified_is_named_with_the_way_to_it(tmp_path):
    with open(tmp_path / "log.txt", "w") as log:
        steps = make_pipeline(FunctionTransformer(kw_args={"log": log}), Ridge())
        found = model_identity(ModelSpec("Ridge", steps), TUNING)
    assert found.unknown == (
        "estimator, parameter `steps`, item 0, item 1, parameter `kw_args`, "
        "key 'log': an open file",
    )


def table(**columns):
    X = pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0], **columns})
    return make_dataset(X, [0.0, 1.0, 0.0, 1.0], groups=["a", "a", "b", "b"])


def mixed(*values):
    return pd.Series(values, dtype=object)


CHANGED_DATA = {
    "a number for its text": (mixed("1", 1, 2, 3), mixed(1, "1", 2, 3)),
    "missing in another way": (mixed(None, "a", "b", 1), mixed(np.nan, "a", "b", 1)),
    "a text": (pd.Series(list("abcd")), pd.Series(list("abce"))),
    "the type": (pd.Series([1, 2, 3, 4]), pd.Series([1.0, 2.0, 3.0, 4.0])),
    "the order of categories": (
        pd.Series(pd.Categorical(list("abab"), ["a", "b"])),
        pd.Series(pd.Categorical(list("abab"), ["b", "a"])),
    ),
    "what cannot be hashed": (mixed([1], {2}, {}, 0), mixed([1], {3}, {}, 0)),
}


@pytest.mark.parametrize("change", CHANGED_DATA, ids=str)
def test_every_kind_of_column_counts_by_value(change):
    one, other = CHANGED_DATA[change]
    first = data_identity(table(z=one))
    assert first.unknown == ()
    assert first == data_identity(table(z=one.copy()))
    assert first != data_identity(table(z=other))


def test_roles_and_labels_of_rows_are_part_of_the_data():
    rows = {"x": [1.0, 2.0, 3.0, 4.0], "y": [0.0, 1.0, 0.0, 1.0]}
    X, y = pd.DataFrame({"x": rows["x"]}), pd.Series(rows["y"])
    plain = data_identity(make_dataset(X, y))
    others = [
        make_dataset(X, y, groups=[1, 1, 2, 2]),
        make_dataset(X, y[::-1].reset_index(drop=True)),
        make_dataset(X.set_axis(list("abcd")), y.set_axis(list("abcd"))),
        make_dataset(X.to_numpy(), y.to_numpy()),
    ]
    assert plain not in {data_identity(other) for other in others}


def test_a_change_of_what_units_share_is_named():
    data = table()
    plan = make_plan(data, SplitSettings(n_splits_out=2, n_splits_in=2), 1)
    before = run_fingerprints(data, plan, ScalingSettings(), 1)
    now = run_fingerprints(table(z=[1, 2, 3, 4]), plan, ScalingSettings(False), 1)
    assert differences(before, now) == ["data", "scaling"]
    assert run_identity(before) != run_identity(now)
    assert run_identity(before) == run_identity(dict(reversed(before.items())))


def test_the_identity_of_a_forest_is_known():
    spec = ModelSpec("Forest", RandomForestRegressor())
    assert model_identity(spec, TUNING).is_known
