import warnings

import pytest

from flexcv.tracking import SeveralTrackers, fanout
from flexcv.tracking.fanout import Guard

from .chains import Memory


def fail():
    raise OSError("disk full")


def test_the_first_trouble_is_reported_once():
    guard = Guard("local")
    guard.call("log_text", fail)
    guard.call("log_text", fail)

    assert guard.report() == (
        "the tracker 'local' could not keep everything: log_text failed with OSError: "
        "disk full; the cross-validation goes on, and this is said once."
    )
    assert guard.report() == ""
    assert guard.n_failures == 2


def test_warnings_of_a_backend_stay_inside():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        Guard("mlflow").call("child", lambda: warnings.warn("old", stacklevel=1))

    assert caught == []


def test_a_backend_that_costs_too_much_time_is_left_alone(monkeypatch):
    monkeypatch.setattr(fanout, "PATIENCE_SECONDS", 0.0)
    calls = []

    def slow():
        calls.append(1)
        raise TimeoutError

    guard = Guard("far")
    guard.call("child", slow)
    guard.call("child", slow)

    assert len(calls) == 1


def test_infinite_numbers_are_left_out_with_a_note():
    memory, guard = Memory(), Guard("memory")
    run = SeveralTrackers([memory], [guard])

    run.log_metrics({"mse": float("inf"), "r2": 0.5})
    run.log_series("loglik", [1.0, float("-inf"), 3.0], [0, 1, 2])

    assert memory.store == {"r2": 0.5, "loglik": [(0, 1.0), (2, 3.0)]}
    assert guard.trouble == "'mse' is inf, which is left out"


def test_nan_stands_for_no_value_and_is_passed_over():
    memory, guard = Memory(), Guard("memory")
    run = SeveralTrackers([memory], [guard])

    run.log_metrics({"mse": float("nan")})
    run.log_series("loglik", [float("nan"), 3.0], [0, 1])

    assert memory.store == {"loglik": [(1, 3.0)]}
    assert guard.n_failures == 0


def test_a_run_that_cannot_be_opened_keeps_nothing_below_it():
    class Closed(Memory):
        def child(self, name, kind, tags):
            raise ConnectionError

    closed, near = Closed(), Memory()
    run = SeveralTrackers([closed, near], [Guard("closed"), Guard("near")])

    run.child("a", "model", {}).finish("failed")

    assert (closed.store, near.store) == ({}, {"a/status": "failed"})


def test_a_failure_in_one_place_leaves_the_others_alone():
    class Broken(Memory):
        def log_text(self, key, text):
            raise OSError("disk full")

    near, guards = Memory(), [Guard("broken"), Guard("near")]

    SeveralTrackers([Broken(), near], guards).log_text("a.txt", "text")

    assert near.store == {"a.txt": "text"}
    assert [guard.n_failures for guard in guards] == [1, 0]


def test_without_guards_a_failure_is_raised():
    class Broken(Memory):
        def log_text(self, key, text):
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        SeveralTrackers([Broken()]).log_text("a.txt", "text")
