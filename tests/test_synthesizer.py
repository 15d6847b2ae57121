"""Synthetic data holds the effects that it names."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from flexcv.models import LinearMixedEffectsModel, LinearModel
from flexcv.synthesizer import (
    GroupedOutcome,
    GroupedRegression,
    generate_classification,
    generate_counts,
    generate_regression,
)


def least_squares_error(design: np.ndarray, y: pd.Series, rows: np.ndarray) -> float:
    """Mean squared error on the other rows of a fit to `rows`."""
    coefficients, *_ = np.linalg.lstsq(design[rows], y[rows], rcond=None)
    return float(np.mean((y[~rows] - design[~rows] @ coefficients) ** 2))


@settings(max_examples=40, deadline=None)
@given(
    m_features=st.integers(1, 6),
    n_groups=st.integers(1, 12),
    extra_rows=st.integers(0, 50),
    seed=st.integers(0, 2**32 - 1),
)
def test_shapes_names_and_index_agree(m_features, n_groups, extra_rows, seed):
    X, y, group, slopes = generate_regression(
        m_features, n_groups + extra_rows, n_groups, 1, seed
    )
    assert list(X) == [f"x{k}" for k in range(1, m_features + 1)]
    assert (y.name, group.name) == ("y", "group")
    assert X.index.equals(y.index)
    assert X.index.equals(group.index)
    pd.testing.assert_frame_equal(slopes, X[["x1"]])
    assert group.nunique() == n_groups
    assert np.ptp(group.value_counts()) <= 1


def test_equal_seeds_give_equal_tables():
    first, second = generate_regression(2, 30), generate_regression(2, 30)
    for one, other in zip(first, second, strict=True):
        assert one.equals(other)
    assert not generate_regression(2, 30, random_seed=1)[0].equals(first[0])


def test_global_generator_is_left_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    generate_regression(3, 50)
    assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_target_is_the_sum_of_its_named_parts():
    sample = GroupedRegression(
        m_features=4, n_samples=60, n_slopes=2, noise_level=0.0
    ).draw(3)
    random = sample.random_effects.loc[sample.group].reset_index(drop=True)
    expected = (
        sample.X @ sample.fixed_effects
        + random["Intercept"]
        + (sample.random_slopes * random[["x1", "x2"]]).sum(axis=1)
    )
    np.testing.assert_allclose(sample.y, expected, atol=1e-12)


def test_squared_coefficients_sum_to_the_fixed_variance():
    problem = GroupedRegression(m_features=5, n_samples=20, fixed_variance=2.5)
    effects = problem.draw(1).fixed_effects
    assert np.sum(effects**2) == pytest.approx(2.5, rel=1e-12)
    assert effects.abs().min() > 0.2


def test_group_effects_have_the_named_covariance():
    problem = GroupedRegression(
        m_features=3,
        n_samples=40_000,
        n_groups=40_000,
        n_slopes=2,
        intercept_variance=2.0,
        slope_variance=0.5,
        intercept_slope_correlation=-0.6,
    )
    drawn = problem.draw(0).random_effects.cov()
    # Standard error of a covariance from 40 000 groups: below 2 * sqrt(2 / 40000).
    np.testing.assert_allclose(drawn, problem.random_covariance, atol=0.045)


def test_variance_of_the_target_is_the_sum_of_the_named_variances():
    problem = GroupedRegression(
        m_features=3, n_samples=50_000, n_groups=5_000, n_slopes=2, noise_level=0.7
    )
    assert problem.variances.sum() == pytest.approx(1.0 + 1.0 + 1.0 + 0.49)
    # 5 000 groups: a variance is known to about 2 %; 6 % is three standard errors.
    assert problem.draw(2).y.var() == pytest.approx(problem.variances.sum(), rel=0.06)


def test_shares_sum_to_one():
    shares = GroupedRegression(m_features=2, n_samples=10).shares
    assert shares.sum() == pytest.approx(1.0)
    assert shares["intercept"] == pytest.approx(1 / 2.51)


def test_mixed_model_recovers_the_named_variances():
    problem = GroupedRegression(
        m_features=2,
        n_samples=3_000,
        n_groups=300,
        noise_level=0.8,
        intercept_variance=1.0,
        slope_variance=0.4,
        intercept_slope_correlation=0.5,
    )
    sample = problem.draw(11)
    random_design = sm.add_constant(sample.random_slopes)
    fit = sm.MixedLM(
        sample.y, sm.add_constant(sample.X), sample.group, exog_re=random_design
    ).fit(reml=True)
    # 300 groups: standard error of a variance about 10 % of it; 3 of them allowed.
    np.testing.assert_allclose(
        np.diag(fit.cov_re), np.diag(problem.random_covariance), rtol=0.3
    )
    correlation = fit.cov_re.iloc[0, 1] / np.sqrt(np.prod(np.diag(fit.cov_re)))
    assert correlation == pytest.approx(0.5, abs=0.18)
    assert fit.scale == pytest.approx(0.64, rel=0.1)
    total = np.sum(fit.fe_params[1:] ** 2) + np.trace(fit.cov_re) + fit.scale
    recovered = np.trace(fit.cov_re) / total
    named = problem.shares["intercept"] + problem.shares["slopes"]
    assert recovered == pytest.approx(named, abs=0.06)


@pytest.mark.parametrize("seed", range(20))
def test_knowing_the_group_pays_with_the_defaults(seed):
    X, y, group, slopes = generate_regression(3, 100, random_seed=seed)
    plain = np.column_stack([np.ones(len(X)), X])
    dummies = pd.get_dummies(group, dtype=float).to_numpy()
    grouped = np.column_stack([plain, dummies, dummies * slopes.to_numpy()])
    train = np.arange(len(X)) % 3 > 0
    error = least_squares_error(grouped, y, train)
    assert error < 0.5 * least_squares_error(plain, y, train)


@pytest.mark.parametrize("seed", range(5))
def test_a_mixed_model_beats_the_plain_one_with_the_defaults(seed):
    X, y, group, slopes = generate_regression(3, 100, random_seed=seed)
    table = X.assign(group=group)
    train = np.arange(len(X)) % 3 > 0
    mixed = LinearMixedEffectsModel(groups="group", slopes=tuple(slopes))
    scores = [
        model.fit(data[train], y[train]).score(data[~train], y[~train])
        for model, data in ((mixed, table), (LinearModel(), X))
    ]
    assert scores[0] > 0.9
    assert scores[0] > scores[1] + 0.1


def test_no_slopes_give_a_frame_without_columns():
    _, y, _, slopes = generate_regression(2, 20, n_slopes=0)
    assert slopes.shape == (20, 0)
    assert slopes.index.equals(y.index)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            {"m_features": 0},
            ValueError,
            "`m_features` must be at least 1, got 0.",
        ),
        (
            {"n_samples": 2.5},
            TypeError,
            "`n_samples` must be a whole number, got 2.5.",
        ),
        (
            {"n_samples": 4},
            ValueError,
            "`n_samples` must be at least `n_groups`=5, so that no group is empty, "
            "got 4; draw more rows or fewer groups.",
        ),
        (
            {"n_slopes": 4},
            ValueError,
            "`n_slopes` must be at most `m_features`=3, got 4; a random slope needs a "
            "feature.",
        ),
        (
            {"noise_level": -1},
            ValueError,
            "`noise_level` must be at least 0.0, got -1.",
        ),
        (
            {"slope_variance": float("inf")},
            ValueError,
            "`slope_variance` must be finite, got inf.",
        ),
        (
            {"n_slopes": 2, "intercept_slope_correlation": 0.8},
            ValueError,
            "`intercept_slope_correlation` must lie between -0.707 and 0.707 with 2 "
            "random slopes, got 0.8; choose a value nearer to zero.",
        ),
        (
            {"random_seed": "x"},
            TypeError,
            "`random_seed` must be a whole number, got 'x'.",
        ),
    ],
)
def test_bad_arguments_are_refused(arguments, error, message):
    with pytest.raises(error) as caught:
        generate_regression(**{"m_features": 3, "n_samples": 50, **arguments})
    assert str(caught.value) == message


# -- outcomes of yes and no, and counts --


def test_outcomes_have_the_features_and_effects_of_their_predictor():
    problem = GroupedRegression(m_features=3, n_samples=80, n_groups=8)
    sample, truth = GroupedOutcome(problem, "binomial").draw(5), problem.draw(5)
    pd.testing.assert_frame_equal(sample.X, truth.X)
    pd.testing.assert_series_equal(sample.group, truth.group)
    pd.testing.assert_frame_equal(sample.random_effects, truth.random_effects)


def _predictor(sample, intercept):
    effects = sample.random_effects.loc[sample.group]
    return (
        intercept
        + sample.X.to_numpy() @ sample.fixed_effects
        + effects["Intercept"].to_numpy()
    )


def test_frequencies_follow_the_logit():
    problem = GroupedRegression(
        m_features=2, n_samples=40_000, n_groups=200, n_slopes=0
    )
    sample = GroupedOutcome(problem, "binomial", intercept=-1.0).draw(1)
    chance = 1.0 / (1.0 + np.exp(-_predictor(sample, -1.0)))
    error = (sample.y - chance) / np.sqrt(chance * (1.0 - chance))
    assert set(sample.y) == {0, 1}
    assert abs(error.mean()) < 4 / np.sqrt(len(error))
    assert abs((error * sample.X["x1"]).mean()) < 4 / np.sqrt(len(error))


def test_counts_follow_the_logarithm():
    problem = GroupedRegression(
        m_features=2,
        n_samples=40_000,
        n_groups=200,
        n_slopes=0,
        fixed_variance=0.25,
        intercept_variance=0.25,
    )
    sample = GroupedOutcome(problem, "poisson", intercept=1.0).draw(1)
    mean = np.exp(_predictor(sample, 1.0))
    error = (sample.y - mean) / np.sqrt(mean)
    assert abs(error.mean()) < 4 / np.sqrt(len(error))
    assert error.var() == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("generate", [generate_classification, generate_counts])
def test_generators_of_outcomes_repeat_with_their_seed(generate):
    first, second, other = (generate(2, 60, random_seed=seed) for seed in (1, 1, 2))
    assert first[1].tolist() == second[1].tolist() != other[1].tolist()
    assert first[1].dtype == np.int64
    assert generate(3, 60, n_slopes=2)[3].columns.tolist() == ["x1", "x2"]


def test_the_group_variance_is_the_one_asked_for():
    problem = GroupedRegression(
        m_features=1, n_samples=2000, n_groups=2000, n_slopes=0, intercept_variance=4.0
    )
    effects = GroupedOutcome(problem).draw(0).random_effects["Intercept"]
    assert effects.var() == pytest.approx(4.0, rel=0.1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"family": "gamma"},
            "`family` must be one of 'binomial', 'poisson', got 'gamma'; choose one of "
            "them.",
        ),
        ({"intercept": np.inf}, "`intercept` must be finite, got inf."),
    ],
)
def test_unusable_outcomes_are_refused(arguments, message):
    with pytest.raises(ValueError) as caught:
        GroupedOutcome(GroupedRegression(m_features=1, n_samples=9), **arguments)
    assert str(caught.value) == message


def test_counts_too_large_to_draw_are_refused():
    with pytest.raises(ValueError) as caught:
        GroupedOutcome(
            GroupedRegression(
                m_features=1,
                n_samples=9,
                fixed_variance=0.0,
                intercept_variance=0.0,
                slope_variance=0.0,
            ),
            "poisson",
            99.0,
        ).draw()
    assert str(caught.value) == (
        "a count would have a mean of e^99, too large to draw; choose a smaller `intercept` or smaller variances."
    )
