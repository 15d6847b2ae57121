import numpy as np
import pytest
import sklearn.metrics as skm
from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingRegressor

from flexcv.evaluation.early_stopping import library_of
from flexcv.evaluation.rounds import HeldOut, best_round

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 3))
Y = X[:, 0] + RNG.normal(size=300)
HELD = HeldOut(X[:100], Y[:100])
SMALL = {"max_depth": 3, "learning_rate": 0.3, "random_state": 0}


@pytest.mark.parametrize(
    ("model", "staged"),
    [
        (HistGradientBoostingRegressor(max_iter=60, **SMALL), 60),
        (GradientBoostingRegressor(n_estimators=60, subsample=0.7, **SMALL), 60),
    ],
)
def test_the_rounds_kept_are_the_first_of_a_longer_fit(model, staged):
    rounds = library_of(model).fit(model, X[100:], Y[100:], HELD, {})
    longer = type(model)(**model.get_params() | {model_rounds(model): staged})
    longer.fit(X[100:], Y[100:])
    stages = list(longer.staged_predict(HELD.X))
    np.testing.assert_allclose(model.predict(HELD.X), stages[rounds - 1], rtol=1e-12)
    losses = [skm.mean_squared_error(HELD.y, stage) for stage in stages]
    assert losses[rounds - 1] == min(losses[: rounds + 10])


def model_rounds(model):
    return library_of(model).rounds_of(model)


@pytest.mark.parametrize("loss", ["absolute_error", "huber", "quantile"])
def test_other_losses_stop_by_themselves(loss):
    model = GradientBoostingRegressor(n_estimators=80, loss=loss, alpha=0.8, **SMALL)
    rounds = library_of(model).fit(model, X[100:], Y[100:], HELD, {})
    assert 1 <= rounds < 80
    assert model.n_estimators_ == rounds


@pytest.mark.parametrize(
    ("losses", "patience", "expected"),
    [
        ([1.0], 3, 1),
        ([3.0, 2.0, 1.0], 3, 3),
        ([3.0, 1.0, 1.0 + 1e-16, 2.0], 9, 2),
        ([3.0, 4.0, 1.0], 1, 1),
    ],
)
def test_the_best_round_before_patience_ends_is_kept(losses, patience, expected):
    assert best_round(losses, patience) == expected


def test_no_more_losses_are_read_than_are_needed():
    read = []
    losses = (read.append(n) or float(n) for n in range(100))
    assert best_round(losses, 4) == 1
    assert len(read) == 5
