"""One impossible trial is a failed trial, not the end; what is left out is told."""

import numpy as np
import pandas as pd
import pytest
from optuna.distributions import FloatDistribution, IntDistribution
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsRegressor

from flexcv import CrossValidation
from flexcv.errors import RunInterrupted, StorageError, UnitError

NEIGHBORS = {"n_neighbors": IntDistribution(1, 40)}


@pytest.fixture
def chain():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(60, 3)), columns=list("abc"))
    cv = CrossValidation().set_data(X, X["a"] + rng.normal(size=60))
    cv.set_splits(n_splits_out=2, n_splits_in=2).set_inner_cv(8)
    return cv.set_run(progress=False)


def test_a_trial_that_raises_is_passed_over_and_told(chain):
    results = chain.add_model(KNeighborsRegressor, params=NEIGHBORS).perform().results
    trials = results.trials
    failed = trials["state"].eq("fail")
    assert 0 < failed.sum() < len(trials)
    # An inner training part has 15 rows.
    assert (trials["params_n_neighbors"].gt(15) == failed).all()
    assert results.params["n_neighbors"].le(15).all()
    assert results.scores["value"].notna().all()
    [first, *_] = results.warnings.query("category == 'FailedTrialsWarning'")["message"]
    n_failed = failed[trials["fold"].eq(0)].sum()
    assert first.startswith(f"{n_failed} of 8 trials failed and were passed over.")
    assert "ValueError: Expected n_neighbors <= n_samples_fit" in first


def test_a_model_that_always_raises_ends_soon_with_its_own_error(chain):
    calls = []

    class Never(Ridge):
        def fit(self, X, y):
            calls.append(self.alpha)
            raise ValueError("not this table")

    chain.set_inner_cv(500).add_model(Never, params={"alpha": FloatDistribution(1, 2)})
    with pytest.raises(UnitError, match=r"in each of the 10 trials.*not this table"):
        chain.perform()
    assert len(calls) == 10


def test_a_stopped_tuning_with_failed_trials_goes_on_the_same(
    chain, tmp_path, monkeypatch
):
    chain.add_model(KNeighborsRegressor, params=NEIGHBORS)
    whole = chain.copy().perform().results
    chain.set_run(tmp_path / "run", progress=False)
    plain, calls = KNeighborsRegressor.fit, []

    def fit(self, X, y):
        calls.append(self.n_neighbors)
        if len(calls) == 10:
            raise KeyboardInterrupt
        return plain(self, X, y)

    with monkeypatch.context() as patched:
        patched.setattr(KNeighborsRegressor, "fit", fit)
        with pytest.raises(RunInterrupted):
            chain.perform()
    again = chain.perform().results
    columns = ["fold", "trial", "value", "state", "params_n_neighbors"]
    pd.testing.assert_frame_equal(again.trials[columns], whole.trials[columns])
    pd.testing.assert_frame_equal(again.warnings, whole.warnings)


def test_full_disks_are_no_failed_trials(chain, monkeypatch):
    def fit(self, X, y):
        raise StorageError("no space left")

    monkeypatch.setattr(Ridge, "fit", fit)
    chain.add_model(Ridge, params={"alpha": FloatDistribution(1, 2)})
    with pytest.raises(StorageError):
        chain.perform()


def test_a_warm_start_outside_the_space_is_told(chain):
    chain.set_inner_cv(3, warm_start={"alpha": 100.0, "other": 1})
    chain.add_model(Ridge, params={"alpha": FloatDistribution(0.1, 10.0)})
    told = set(chain.perform().results.warnings["message"])
    assert told == {
        "`warm_start` gives alpha=100.0, which FloatDistribution(high=10.0, log=False, "
        "low=0.1, step=None) does not contain; it was left out."
    }
