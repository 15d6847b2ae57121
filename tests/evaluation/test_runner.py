import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Ridge

from flexcv.dataset import make_dataset
from flexcv.errors import UnitError
from flexcv.evaluation import (
    RunFailed,
    RunFinished,
    RunSettings,
    RunStarted,
    UnitFinished,
    UnitSettings,
    UnitStarted,
    run,
)
from flexcv.model_mapping import make_spec
from flexcv.resampling import SplitSettings, make_plan

from .test_unit import Fails


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 2))
    return make_dataset(X, X[:, 0] + rng.normal(size=40))


@pytest.fixture
def plan(data):
    return make_plan(data, SplitSettings(n_splits_out=2), 0, with_inner=False)


FOREST = make_spec(RandomForestRegressor, model_kwargs={"n_estimators": 3})
SPECS = [make_spec(Ridge), FOREST]


def test_events_come_in_order(data, plan):
    events = []
    run(plan, SPECS, data, UnitSettings(), RunSettings(), [events.append])
    kinds = [type(event) for event in events]
    assert kinds == [RunStarted, *[UnitStarted, UnitFinished] * 4, RunFinished]


def test_units_come_fold_by_fold_and_model_by_model(data, plan):
    results = run(plan, SPECS, data, UnitSettings(), RunSettings())
    assert [r.key for r in results] == [
        ("Ridge", 0, 0),
        ("RandomForestRegressor", 0, 0),
        ("Ridge", 0, 1),
        ("RandomForestRegressor", 0, 1),
    ]


@pytest.mark.slow
def test_parallel_results_equal_serial_ones_bit_for_bit(data, plan):
    serial = run(plan, SPECS, data, UnitSettings(), RunSettings())
    parallel = run(plan, SPECS, data, UnitSettings(), RunSettings(n_jobs=2))
    for a, b in zip(serial, parallel, strict=True):
        assert a.key == b.key
        np.testing.assert_array_equal(a.test.predicted, b.test.predicted)


def test_a_model_does_not_depend_on_the_models_beside_it(data, plan):
    together = run(plan, SPECS, data, UnitSettings(), RunSettings())
    alone = run(plan, SPECS[1:], data, UnitSettings(), RunSettings())
    np.testing.assert_array_equal(together[1].test.predicted, alone[0].test.predicted)


def test_a_failure_stops_the_run_with_its_address(data, plan):
    events = []
    with pytest.raises(UnitError) as caught:
        run(
            plan,
            [make_spec(Fails)],
            data,
            UnitSettings(),
            RunSettings(),
            [events.append],
        )
    assert str(caught.value) == (
        "while fitting Fails on repeat 0, fold 0: ZeroDivisionError: no luck -- pass "
        "on_error='record' to set_run to keep the other models' results."
    )
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert isinstance(events[-1], RunFailed)


@pytest.mark.parametrize(
    ("n_jobs", "kind", "message"),
    [
        (0, ValueError, "`n_jobs` must be 1 or more, or -1 for all cores, got 0; use 1 for serial."),
        (1.5, TypeError, "`n_jobs` must be a whole number, got 1.5."),
        (True, TypeError, "`n_jobs` must be a whole number, got True."),
    ],
)  # fmt: skip
def test_an_impossible_number_of_workers_is_refused(n_jobs, kind, message):
    with pytest.raises(kind) as caught:
        RunSettings(n_jobs=n_jobs)
    assert str(caught.value) == message
