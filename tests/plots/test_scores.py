import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from flexcv.plots import plot_comparison, plot_fold_scores

SCORES = pd.DataFrame(
    {
        "model": ["OLS", "OLS", "OLS", "LMM", "LMM", "LMM"] * 2,
        "repeat": 0,
        "fold": [0, 1, 2] * 4,
        "part": ["test"] * 6 + ["train"] * 6,
        "metric": "r2",
        "value": [0.1, 0.2, 0.3, 0.4, np.nan, 0.6] + [0.9] * 6,
    }
)
INTERVALS = pd.DataFrame(
    {"mean": [0.25, 0.5], "lower": [0.0, 0.3], "upper": [0.4, 0.7]},
    index=["OLS", "LMM"],
)
PAIRS = pd.DataFrame(
    {
        "model_a": ["OLS", "OLS"],
        "model_b": ["LMM", "MERF"],
        "difference": [-0.3, 0.01],
        "lower": [-0.5, -0.1],
        "upper": [-0.1, 0.12],
        "rope": [0.01, 0.02],
    }
)


def test_every_scored_fold_is_a_point_and_every_model_has_its_mean():
    ax = plot_fold_scores(SCORES, "r2")
    points, mean, other_points, other_mean = ax.lines
    assert points.get_xdata().tolist() == [0.1, 0.2, 0.3]
    assert mean.get_xdata()[0] == pytest.approx(0.2)
    assert other_points.get_xdata().tolist() == [0.4, 0.6]
    assert other_mean.get_xdata()[0] == pytest.approx(0.5)


def test_models_are_named_from_the_top():
    ax = plot_fold_scores(SCORES)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["OLS", "LMM"]
    assert ax.yaxis_inverted()


def test_intervals_bring_their_own_mean():
    ax = plot_fold_scores(SCORES, "r2", intervals=INTERVALS)
    _, interval, mean, *_ = ax.lines
    assert list(interval.get_xdata()) == [0.0, 0.4]
    assert list(mean.get_xdata()) == [0.25]


def test_training_scores_are_drawn_on_request():
    ax = plot_fold_scores(SCORES, part="train")
    assert set(ax.lines[0].get_xdata()) == {0.9}


def test_given_axes_are_used_and_returned():
    ax = Figure().subplots()
    assert plot_fold_scores(SCORES, ax=ax) is ax


def test_an_unknown_metric_is_named():
    with pytest.raises(ValueError, match=r"^`metric` must be one of 'r2', got 'mae'.$"):
        plot_fold_scores(SCORES, "mae")


def test_a_missing_column_is_named():
    with pytest.raises(ValueError, match="`scores` must have the column 'value', got"):
        plot_fold_scores(SCORES.drop(columns="value"))


def test_a_frame_without_rows_is_refused():
    with pytest.raises(ValueError, match="`scores` must have rows, got none"):
        plot_fold_scores(SCORES.head(0))


def test_a_difference_that_excludes_zero_is_coloured():
    ax = plot_comparison(PAIRS)
    clear, _, open_, _ = ax.lines[:4]
    assert list(clear.get_xdata()) == [-0.5, -0.1]
    assert to_hex(clear.get_color()) != to_hex(open_.get_color())
    assert to_hex(open_.get_color()) == "#757575"


def test_each_pair_has_its_region_of_equivalence():
    ax = plot_comparison(PAIRS)
    widths = [np.ptp(band.get_paths()[0].vertices[:, 0]) for band in ax.collections]
    assert widths == pytest.approx([0.02, 0.04])
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels == ["OLS\nminus LMM", "OLS\nminus MERF"]
