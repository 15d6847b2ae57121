import numpy as np
import pandas as pd

from flexcv.plots import plot_attributions


def frame(values, feature="x"):
    return pd.DataFrame({"feature": feature, "value": values, "shap": values})


def test_the_feature_with_the_largest_effects_is_on_top():
    rows = pd.concat([frame([0.1, -0.1], "small"), frame([2.0, -2.0], "large")])
    ax = plot_attributions(rows)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["large", "small"]
    assert len(plot_attributions(rows, max_features=1).collections) == 1


def test_points_lie_at_their_values_and_equal_ones_are_stacked():
    ax = plot_attributions(frame([1.0, 1.0, 1.0, -1.0]))
    places = np.asarray(ax.collections[0].get_offsets())
    np.testing.assert_array_equal(places[:, 0], [1.0, 1.0, 1.0, -1.0])
    assert len(set(places[:3, 1])) == 3
    assert np.abs(places[:, 1]).max() < 0.5


def test_colours_are_ranks_and_missing_values_stand_in_the_middle():
    rows = frame([1.0, 2.0, 3.0, 4.0]).assign(value=[10.0, np.nan, 30.0, 20.0])
    shares = plot_attributions(rows).collections[0].get_array()
    np.testing.assert_allclose(shares, [1 / 3, 0.5, 1.0, 2 / 3])
