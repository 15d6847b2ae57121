import numpy as np
import pandas as pd
import pytest

from flexcv.plots import (
    plot_leverage,
    plot_quantiles,
    plot_residuals,
    plot_scale_location,
)

ROWS = pd.DataFrame(
    {
        "row": range(30),
        "fitted": np.linspace(0, 1, 30),
        "residual": np.tile([0.5, -0.5], 15),
        "standardised": np.tile([1.0, -1.0], 15),
        "root_residual": 1.0,
        "normal_quantile": np.linspace(-2, 2, 30),
        "leverage": np.linspace(0.01, 0.4, 30),
        "cooks_distance": np.linspace(0.0, 0.6, 30),
        "n_coefficients": 2,
    }
)


def test_residuals_lie_over_fitted_values_with_their_running_mean():
    ax = plot_residuals(ROWS)
    points, _, mean = ax.lines
    np.testing.assert_array_equal(points.get_xdata(), ROWS["fitted"])
    np.testing.assert_array_equal(points.get_ydata(), ROWS["residual"])
    np.testing.assert_allclose(mean.get_ydata(), 0.0, atol=1e-12)


def test_a_running_mean_of_a_constant_is_that_constant():
    np.testing.assert_allclose(plot_scale_location(ROWS).lines[1].get_ydata(), 1.0)


def test_contours_are_where_cooks_distance_is_half_and_one():
    ax = plot_leverage(ROWS)
    for line, level in zip(ax.lines[2:], (0.5, 0.5, 1.0, 1.0), strict=True):
        leverage, residual = line.get_xdata(), line.get_ydata()
        distance = residual**2 * leverage / ((1 - leverage) * 2)
        np.testing.assert_allclose(distance, level)


def test_the_rows_of_largest_influence_are_named():
    assert [text.get_text() for text in plot_leverage(ROWS).texts] == ["29", "28", "27"]


def test_quantiles_lie_over_those_of_the_normal():
    points, line = plot_quantiles(ROWS).lines
    np.testing.assert_array_equal(points.get_xdata(), ROWS["normal_quantile"])
    assert line.get_slope() == 1.0


def test_few_rows_have_no_running_mean():
    assert len(plot_residuals(ROWS.head(4)).lines) == 2


@pytest.mark.parametrize(
    "plot", [plot_residuals, plot_quantiles, plot_scale_location, plot_leverage]
)
def test_a_missing_column_is_named(plot):
    with pytest.raises(ValueError, match="must have the column"):
        plot(ROWS[["row"]])
