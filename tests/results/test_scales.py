"""Intervals end where scores end."""

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as skm
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from flexcv import CrossValidation, Metric
from flexcv.metrics import limits
from flexcv.results.comparison import score_intervals
from flexcv.results.deleted import deleted_scores
from flexcv.results.group_bootstrap import bootstrap_interval, on_scale
from flexcv.results.scales import Scale

from .comparison_runs import make_run

SCALES = {
    limits.SHARE: st.floats(0, 1),
    limits.CORRELATION: st.floats(-1, 1),
    limits.ERROR: st.floats(1e-9, 1e9),
    limits.EXPLAINED: st.floats(-1e6, 0.999999),
    limits.FREE: st.floats(-1e9, 1e9),
}


@given(st.data(), st.sampled_from(list(SCALES)), st.integers(1, 10**6))
def test_a_score_comes_back(data, ends, n_rows):
    value = data.draw(SCALES[ends])
    scale = Scale(ends, n_rows)
    back = scale.back(scale.forward(value))
    assert back == pytest.approx(
        value, rel=1e-6, abs=1e-9 if ends == limits.SHARE else 1e-6
    )


@given(st.data(), st.sampled_from(list(SCALES)), st.floats(-1e3, 1e3))
def test_nothing_that_comes_back_passes_the_limits(data, ends, far):
    least, greatest = ends
    assert least <= Scale(ends, 10).back(far) <= greatest


@pytest.mark.parametrize("ends", SCALES)
def test_the_slope_is_the_derivative(ends):
    scale, at, step = Scale(ends, 40), 0.3, 1e-6
    rise = scale.forward(at + step) - scale.forward(at - step)
    assert scale.slope(at) == pytest.approx(float(rise) / (2 * step), rel=1e-6)


def test_limits_of_known_metrics():
    assert Metric("f", skm.f1_score).limits == (0.0, 1.0)
    assert Metric("m", lambda y, p: 0.0).limits == (-np.inf, np.inf)
    assert Metric("m", lambda y, p: 0.0, limits=(0, 5)).limits == (0.0, 5.0)
    with pytest.raises(ValueError, match="`limits` must be the least and the greatest"):
        Metric("m", lambda y, p: 0.0, limits=(1, 0))


def test_an_error_close_to_nothing_has_a_positive_lower_end():
    _, predictions = make_run(models=("A",), n_groups=8)
    repeats = deleted_scores(predictions, skm.mean_squared_error, 0)
    for ends in (limits.ERROR, limits.FREE):
        scores = on_scale(repeats, ends)
        low, high = bootstrap_interval(scores, 0.99999, 4000, 0, False)
        assert low < scores.estimate < high
        if ends == limits.ERROR:
            assert low > 0.0


def test_intervals_from_folds_stay_inside_too():
    scores = pd.DataFrame(
        {
            "model": "M",
            "repeat": 0,
            "fold": range(4),
            "part": "test",
            "metric": "roc_auc",
            "value": [0.99, 0.97, 0.93, 0.995],
        }
    )
    free = score_intervals(scores, None, "roc_auc").loc["M"]
    kept = score_intervals(scores, None, "roc_auc", limits=limits.SHARE).loc["M"]
    assert free["upper"] > 1.0 > kept["upper"] > kept["mean"] > kept["lower"]
    assert kept["method"] == "logit corrected t over 4 folds"


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["accuracy", "roc_auc", "f1_macro", "log_loss"])
def test_tied_groups_have_intervals_within_the_limits(metric):
    """Ten patients, ten rows each: 34 of 120 such calls ended in an IndexError."""
    for seed in range(15):
        rng = np.random.default_rng(seed)
        group = np.repeat(np.arange(10), 10)
        X = pd.DataFrame(rng.normal(size=(100, 2)), columns=["a", "b"])
        label = np.where(X["a"] * 2 + rng.logistic(size=100) > 0, "y", "n")
        cv = CrossValidation().set_data(X, label, group)
        cv.set_splits("StratifiedGroupKFold", metrics=[metric])
        cv.set_run(silence="groups-unused", progress=False)
        cv.add_model(LogisticRegression).add_model(
            LogisticRegression(C=0.05), model_name="L2"
        )
        results = cv.perform().results
        found = results.interval(metric)
        least, greatest = results.metrics[0].limits
        assert (found["lower"] >= least).all()
        assert (found["upper"] <= greatest).all()
        assert (found["lower"] <= found["pooled"]).all()
        assert (found["pooled"] <= found["upper"]).all()
        assert results.compare(metric)["lower"].notna().all()
