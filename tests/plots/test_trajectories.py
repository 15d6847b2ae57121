import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from flexcv.plots._axes import colour
from flexcv.plots.trajectories import plot_trajectories


@pytest.fixture
def curves():
    return pd.DataFrame(
        {
            "subject": ["a", "a", "b", "b"],
            "cluster": [0, 0, 1, 1],
            "time": [0.0, 1.0, 0.0, 1.0],
            "mean": [1.0, 2.0, 3.0, 4.0],
        }
    )


@pytest.fixture
def clusters(curves):
    frame = curves.drop(columns="subject").assign(weight=[0.4, 0.4, 0.6, 0.6])
    return frame.assign(lower=frame["mean"] - 1.0, upper=frame["mean"] + 1.0)


def test_each_subject_has_a_line_in_the_colour_of_its_cluster(curves):
    ax = plot_trajectories(curves)
    assert [line.get_color() for line in ax.lines] == [colour(0), colour(1)]
    np.testing.assert_array_equal(ax.lines[1].get_ydata(), [3.0, 4.0])


def test_each_cluster_has_a_mean_a_band_and_a_name(curves, clusters):
    ax = plot_trajectories(curves, clusters)
    assert len(ax.lines) == 4
    assert len(ax.collections) == 2
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == ["cluster 0 (40%)", "cluster 1 (60%)"]


def test_it_draws_on_axes_that_are_given(curves):
    ax = Figure().subplots()
    assert plot_trajectories(curves, ax=ax) is ax


def test_a_frame_without_clusters_is_refused(curves):
    with pytest.raises(ValueError) as caught:
        plot_trajectories(curves.drop(columns="cluster"))
    assert str(caught.value) == (
        "`curves` must have the column 'cluster', got 'subject', 'time', 'mean'; pass "
        "the tidy frame."
    )
