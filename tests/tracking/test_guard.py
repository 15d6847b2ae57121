import warnings

import pytest

from flexcv.tracking import _guard
from flexcv.tracking._guard import Guard, GuardedTracker
from flexcv.tracking._secrets import redact, redact_params

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
    monkeypatch.setattr(_guard, "PATIENCE_SECONDS", 0.0)
    calls = []

    def slow():
        calls.append(1)
        raise TimeoutError

    guard = Guard("far")
    guard.call("child", slow)
    guard.call("child", slow)

    assert len(calls) == 1


def test_numbers_that_are_not_finite_are_left_out_with_a_note():
    memory, guard = Memory(), Guard("memory")
    tracker = GuardedTracker(memory, guard)

    tracker.log_metrics({"mse": float("inf"), "r2": 0.5})
    tracker.log_series("loglik", [1.0, float("nan"), 3.0], [0, 1, 2])

    assert memory.store == {"r2": 0.5, "loglik": [(0, 1.0), (2, 3.0)]}
    assert guard.trouble == "'mse' is inf, which is left out"


def test_a_run_that_cannot_be_opened_keeps_nothing_below_it():
    class Closed(Memory):
        def child(self, name, kind, tags):
            raise ConnectionError

    GuardedTracker(Closed(), Guard("closed")).child("a", "model", {}).finish("failed")


@pytest.mark.parametrize("name", ["NEPTUNE_API_TOKEN", "WANDB_API_KEY", "DB_PASSWORD"])
def test_secrets_of_the_environment_are_blacked_out(monkeypatch, name):
    monkeypatch.setenv(name, "s3cret-value")

    assert redact("refused: s3cret-value") == "refused: ***"


def test_headers_and_users_in_addresses_are_blacked_out():
    assert redact("Authorization: abc") == "Authorization: ***"
    assert redact("postgresql://me:pw@db/x") == "postgresql://***@db/x"


def test_settings_with_a_secret_name_are_blacked_out():
    given = {"api_token": "abc", "max_tokens": 5, "url": "https://me:pw@host"}

    assert redact_params(given) == {
        "api_token": "***",
        "max_tokens": 5,
        "url": "https://***@host",
    }
