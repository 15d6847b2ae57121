import numpy as np
import pandas as pd
import pytest

from flexcv.plots import (
    plot_effect_distribution,
    plot_fixed_effects,
    plot_importance,
    plot_random_effects,
)

FIXED = pd.DataFrame(
    {"estimate": [1.0, -1.0, 0.1], "lower": [0.5, -2.0, -1.0], "upper": [1.5, -0.5, 1]},
    index=["dose", "body weight", "age"],
)
RANDOM = pd.DataFrame(
    {
        "group": ["a", "b", "c"] * 2,
        "name": ["Intercept"] * 3 + ["days"] * 3,
        "effect": [0.0, 2.0, -1.0, 5.0, 6.0, 7.0],
        "sd": 0.5,
    }
)
IMPORTANCE = pd.DataFrame(
    {
        "feature": ["a", "b", "c"] * 2,
        "fold": [0, 0, 0, 1, 1, 1],
        "importance": [0.1, 0.9, 0.4, 0.2, 0.8, 0.6],
    }
)


def test_fixed_effects_show_sign_by_colour_and_doubt_by_grey():
    ax = plot_fixed_effects(FIXED)
    colours = [line.get_color() for line in ax.lines[0:6:2]]
    assert len(set(colours)) == 3
    assert colours[2] == "#757575"
    assert [list(line.get_xdata()) for line in ax.lines[1:6:2]] == [
        [1.0],
        [-1.0],
        [0.1],
    ]
    assert ax.lines[-1].get_linestyle() == "--"


def test_names_with_blanks_are_labels():
    labels = [label.get_text() for label in plot_fixed_effects(FIXED).get_yticklabels()]
    assert labels == ["dose", "body weight", "age"]


def test_groups_run_from_high_to_low():
    ax = plot_random_effects(RANDOM)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["b", "a", "c"]
    assert ax.get_xlabel() == "random effect: Intercept"


def test_random_effects_have_normal_intervals():
    ax = plot_random_effects(RANDOM, name="days", level=0.95)
    ends = np.array([segment[:, 0] for segment in ax.collections[0].get_segments()])
    # 1.959964: the 97.5 % quantile of the normal distribution.
    np.testing.assert_allclose(ends[0], [7 - 0.979982, 7 + 0.979982], atol=1e-6)


def test_many_groups_are_counted_and_not_named():
    effects = pd.DataFrame(
        {"group": range(60), "name": "Intercept", "effect": range(60), "sd": 1.0}
    )
    ax = plot_random_effects(effects)
    assert ax.get_yticklabels() == []
    assert ax.get_ylabel() == "60 groups"


def test_features_are_sorted_by_mean_importance():
    ax = plot_importance(IMPORTANCE)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["b", "c", "a"]
    assert ax.lines[0].get_xdata().tolist() == [0.9, 0.8]
    np.testing.assert_allclose(ax.lines[3].get_xdata(), [0.85, 0.5, 0.15])


def test_many_features_show_the_most_important_and_say_so():
    ax = plot_importance(IMPORTANCE, max_features=1)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["b"]
    assert ax.get_title(loc="left") == "1 of 3 features"


def test_an_unknown_effect_is_named():
    message = "^`name` must be one of 'Intercept', 'days', got 'Days'.$"
    with pytest.raises(ValueError, match=message):
        plot_random_effects(RANDOM, name="Days")


def test_names_may_stand_in_a_column():
    effects = pd.DataFrame(
        {"name": ["a b"], "estimate": [1.0], "lower": [0.5], "upper": [1.5]}
    )
    ax = plot_fixed_effects(effects)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a b"]


def test_a_distribution_counts_every_group():
    effects = pd.DataFrame(
        {"name": ["i", "i", "s", "s"], "effect": [-1.0, 1.0, 0.0, 0.5]}
    )
    ax = plot_effect_distribution(effects)
    assert sum(bar.get_height() for bar in ax.patches) == 4
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["i", "s"]


def test_effects_without_intervals_are_dots():
    effects = pd.DataFrame({"estimate": [1.0, 0.0]}, index=["dose", "left out"])
    axes = plot_fixed_effects(effects)
    dots = [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "o"]
    assert dots == [1.0, 0.0]
