import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from flexcv.plots import (
    plot_predicted_against_actual,
    plot_qq,
    plot_residuals_against_fitted,
    plot_residuals_by_group,
)

RNG = np.random.default_rng(0)
PREDICTIONS = pd.DataFrame(
    {
        "model": ["OLS"] * 40 + ["LMM"] * 40,
        "group": list("abcd") * 20,
        "part": (["test"] * 30 + ["train"] * 10) * 2,
        "y_true": RNG.standard_normal(80),
        "y_pred": RNG.standard_normal(80),
    }
)


@pytest.mark.parametrize(
    "plot", [plot_predicted_against_actual, plot_residuals_against_fitted, plot_qq]
)
def test_every_test_row_is_a_point_of_its_model(plot):
    ax = plot(PREDICTIONS)
    points = {line.get_label(): line for line in ax.lines if len(line.get_xdata()) > 2}
    assert {name: len(line.get_xdata()) for name, line in points.items()} == {
        "OLS": 30,
        "LMM": 30,
    }
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend == ["OLS", "LMM"]


@pytest.mark.parametrize(
    "plot", [plot_predicted_against_actual, plot_residuals_against_fitted, plot_qq]
)
def test_one_model_needs_no_legend(plot):
    assert plot(PREDICTIONS, model="LMM").get_legend() is None


def test_models_differ_in_colour_and_marker():
    lines = plot_residuals_against_fitted(PREDICTIONS).lines[-2:]
    assert lines[0].get_color() != lines[1].get_color()
    assert lines[0].get_marker() != lines[1].get_marker()


def test_residuals_stand_over_predictions():
    line = plot_residuals_against_fitted(PREDICTIONS, "OLS", "train").lines[-1]
    rows = PREDICTIONS.query("model == 'OLS' and part == 'train'")
    np.testing.assert_array_equal(line.get_xdata(), rows["y_pred"])
    np.testing.assert_allclose(line.get_ydata(), rows["y_true"] - rows["y_pred"])


def test_groups_are_sorted_by_their_mean_residual():
    ax = plot_residuals_by_group(PREDICTIONS, "OLS")
    rows = PREDICTIONS.query("model == 'OLS' and part == 'test'")
    means = (rows["y_true"] - rows["y_pred"]).groupby(rows["group"]).mean()
    expected = means.sort_values().index.tolist()
    assert [label.get_text() for label in ax.get_yticklabels()] == expected
    assert len(ax.lines) == 4 + 2  # groups, means, zero


def test_many_groups_show_the_largest_means_and_say_so():
    ax = plot_residuals_by_group(PREDICTIONS, "OLS", max_groups=2)
    assert len(ax.get_yticklabels()) == 2
    assert ax.get_title(loc="left") == "2 of 4 groups: the largest means"


def test_quantiles_are_standardised_and_sorted():
    values = plot_qq(PREDICTIONS, "OLS").lines[0].get_ydata()
    assert np.all(np.diff(values) >= 0)
    assert np.std(values) == pytest.approx(1.0)


def test_constant_residuals_still_have_quantiles():
    same = PREDICTIONS.assign(y_pred=PREDICTIONS["y_true"] - 1.0)
    values = plot_qq(same, "OLS").lines[0].get_ydata()
    assert values.tolist() == [0.0] * 30


def test_many_points_are_drawn_as_pixels():
    many = pd.concat([PREDICTIONS] * 100)
    assert plot_residuals_against_fitted(many, "OLS").lines[-1].get_rasterized()


def test_a_column_of_categories_is_accepted():
    typed = PREDICTIONS.astype({"model": "category", "group": "category"})
    assert len(plot_residuals_by_group(typed).get_yticklabels()) == 4


def test_an_unknown_model_is_named():
    message = "^`model` must be one of 'OLS', 'LMM', got 'LM'.$"
    with pytest.raises(ValueError, match=message):
        plot_qq(PREDICTIONS, "LM")


def test_style_is_left_alone():
    before = dict(mpl.rcParams)
    plot_residuals_by_group(PREDICTIONS)
    assert dict(mpl.rcParams) == before
