import numpy as np
import pandas as pd
import pytest
from scipy import stats

from flexcv.datasets import load_pbc, load_radon, load_sleepstudy
from flexcv.plots import plot_within_and_between
from flexcv.preprocessing import contextual_effects
from flexcv.preprocessing.contextual import holm


def table_of(seed, n_groups=60, difference=0.0, n_features=1):
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(n_groups), rng.integers(2, 10, n_groups))
    mean = rng.normal(size=(n_groups, n_features))[group]
    x = mean + rng.normal(size=mean.shape)
    centre = pd.DataFrame(x).groupby(group).transform("mean").to_numpy()
    noise = rng.normal(size=len(group)) * np.exp(0.3 * mean[:, 0])
    y = x.sum(axis=1) + difference * centre[:, 0]
    y = y + rng.normal(size=n_groups)[group] + noise
    columns = [f"x{k}" for k in range(n_features)]
    return pd.DataFrame(x, columns=columns), y, group


@pytest.mark.parametrize("n_features", [1, 3])
def test_p_values_without_a_contextual_effect_are_uniform(n_features):
    p = [
        contextual_effects(*table_of(seed, n_features=n_features)).p_value
        for seed in range(120)
    ]
    low, high = stats.binom.ppf([0.0005, 0.9995], 120, 0.05) / 120
    assert low <= np.mean(np.array(p) < 0.05) <= high


def test_a_contextual_effect_is_found_and_measured():
    found = [
        contextual_effects(*table_of(seed, difference=0.8, n_features=2))
        for seed in range(40)
    ]
    assert np.mean([effects.differ for effects in found]) > 0.9
    slopes = pd.concat([effects.table for effects in found])
    means = slopes.groupby(level=0).mean()
    np.testing.assert_allclose(means["within"], [1.0, 1.0], atol=0.05)
    np.testing.assert_allclose(means["difference"], [0.8, 0.0], atol=0.1)
    errors = slopes.groupby(level=0)["difference"].std()
    ratio = slopes.assign(error=np.hypot(slopes.within_se, slopes.between_se))
    np.testing.assert_allclose(
        ratio.groupby(level=0)["error"].mean() / errors, 1.0, atol=0.35
    )


def test_slopes_are_those_of_two_regressions():
    X, y, group = table_of(1, difference=1.0)
    found = contextual_effects(X, y, group).table.loc["x0"]
    means = X.assign(y=y).groupby(group).mean()
    inner = X.assign(y=y) - means.loc[group].to_numpy()
    assert found["within"] == pytest.approx(np.polyfit(inner["x0"], inner["y"], 1)[0])
    assert found["between"] == pytest.approx(np.polyfit(means["x0"], means["y"], 1)[0])


def test_real_tables_with_and_without():
    clinical = load_pbc()
    X = clinical.drop(columns=["log_bili", "patient"])
    found = contextual_effects(X, clinical["log_bili"], clinical["patient"])
    assert found.p_value < 1e-10
    assert {"year", "ast"} <= set(found.features)
    radon = load_radon()
    houses = radon[["floor", "log_uranium", "basement"]]
    assert list(
        contextual_effects(houses, radon["log_radon"], radon["county"]).table.index
    ) == ["floor"]
    sleep = load_sleepstudy()
    nothing = contextual_effects(sleep[["Days"]], sleep["Reaction"], sleep["Subject"])
    assert (len(nothing.table), nothing.p_value) == (0, 1.0)


def test_more_features_than_groups_are_looked_at_one_by_one():
    X, y, group = table_of(3, n_groups=12, difference=6.0, n_features=15)
    found = contextual_effects(X, y, group)
    assert not found.is_joint
    assert found.p_value == found.table["p_value"].min()


def test_rows_with_gaps_are_left_out():
    X, y, group = table_of(5)
    holes = X.mask(np.random.default_rng(0).random(X.shape) < 0.1)
    kept = holes["x0"].notna().to_numpy()
    pd.testing.assert_frame_equal(
        contextual_effects(holes, y, group).table,
        contextual_effects(X[kept], y[kept], group[kept]).table,
    )


def test_holm_is_that_of_r():
    # p.adjust(c(0.01, 0.02, 0.03, 0.04), "holm"), R 4.2
    np.testing.assert_allclose(
        holm(np.array([0.03, 0.01, 0.04, 0.02])), [0.06, 0.04, 0.06, 0.06]
    )


def test_lengths_must_agree():
    X, y, group = table_of(5)
    with pytest.raises(ValueError, match="must have one length"):
        contextual_effects(X, y[:-1], group)


def test_its_picture_has_two_slopes_for_each_feature():
    found = contextual_effects(*table_of(1, n_features=3))
    axes = found.plot()
    assert len(axes.containers) == 2
    assert plot_within_and_between(found.table) is not None
    assert "3 feature(s)" in repr(found)
