import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from flexcv.plots.iterations import plot_iterations


@pytest.fixture
def trace():
    columns = {
        "loglik": [-9.0, -8.0, -7.9],
        "sigma2": [2.0, 1.0, 1.0],
        "g.Intercept": [1.0, 1.5, 1.6],
        "change": [np.nan, 0.1, 0.0],
        "validation_loss": [np.nan] * 3,
    }
    return pd.DataFrame(columns, index=pd.Index([1, 2, 3], name="iteration"))


def test_each_variance_component_has_a_line(trace):
    axes = plot_iterations(trace)
    labels = [line.get_label() for line in axes[1].lines]
    assert labels == ["g.Intercept", "residual"]
    np.testing.assert_array_equal(axes[1].lines[0].get_ydata(), [1.0, 1.5, 1.6])


def test_the_validation_loss_has_a_picture_when_there_is_one(trace):
    assert len(plot_iterations(trace)) == 3
    assert len(plot_iterations(trace.assign(validation_loss=1.0))) == 4


def test_it_draws_on_axes_that_are_given(trace):
    axes = Figure().subplots(1, 3)
    assert list(axes) == plot_iterations(trace, axes)


def test_too_few_axes_are_refused(trace):
    with pytest.raises(ValueError) as caught:
        plot_iterations(trace, [Figure().subplots()])
    assert str(caught.value) == (
        "`axes` must hold 3 axes, got 1; pass None to make them."
    )


def test_the_loss_of_rows_learned_from_stands_beside_that_of_rows_kept_apart(trace):
    axes = plot_iterations(trace.assign(validation_loss=1.0, train_loss=0.5))
    labels = [line.get_label() for line in axes[3].lines]
    assert labels == ["rows kept apart", "rows learned from"]
    assert [line.get_label() for line in axes[1].lines] == ["g.Intercept", "residual"]
