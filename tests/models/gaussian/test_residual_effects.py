import numpy as np
import pandas as pd
import pytest

from flexcv.errors import ModelError
from flexcv.models import LinearMixedEffectsModel, RandomTerm
from flexcv.models.design._effects import Columns
from flexcv.models.design.columns import learn_random
from flexcv.models.gaussian.residual_effects import (
    average_part,
    distinct_columns,
    em_moved,
    maximised,
    no_effects,
    others_effects,
    starting_effects,
)


def drawn(seed=0, n=300, shift=0.0):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "x": rng.normal(size=n),
            "g": rng.integers(0, 25, n),
            "h": rng.integers(0, 9, n),
        }
    )
    effects = rng.normal(size=(25, 2))[table["g"]]
    residuals = effects[:, 0] + table["x"] * (effects[:, 1] + shift) + shift
    return table, residuals.to_numpy() + rng.normal(size=n)


def columns(table, *terms):
    source = Columns(table)
    return distinct_columns(learn_random(source, terms)[1], source.ones)


SLOPE = RandomTerm("g", ("x",))


@pytest.mark.parametrize("terms", [(SLOPE,), (SLOPE, RandomTerm("h"))])
def test_the_maximiser_is_the_ml_mixed_model_of_the_residuals(terms):
    table, residuals = drawn(shift=0.3)
    random = columns(table, *terms)
    found = maximised(random, residuals, starting_effects(random))
    model = LinearMixedEffectsModel(random=terms, formula="x", reml=False)
    model.fit(table, residuals)
    assert found.loglik == pytest.approx(model.loglik_, abs=1e-8)
    assert found.sigma2 == pytest.approx(model.sigma_**2, rel=1e-6)
    np.testing.assert_allclose(found.average, model.coefficients_, atol=1e-7)
    for mine, theirs in zip(found.effects, model.random_part_.effects, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-6)


def test_a_warm_start_ends_at_the_same_place():
    table, residuals = drawn()
    random = columns(table, SLOPE)
    cold = maximised(random, residuals, starting_effects(random))
    warm = maximised(random, residuals, cold)
    assert warm.loglik == pytest.approx(cold.loglik, abs=1e-8)


def test_em_approaches_the_maximum_when_nothing_is_missed():
    table, residuals = drawn(1)
    random = columns(table, RandomTerm("g"))
    best = maximised(random, residuals, starting_effects(random))
    state = starting_effects(random)
    for _ in range(500):
        state = em_moved(random, residuals - best.average[0], state)
    assert state.sigma2 == pytest.approx(best.sigma2, rel=1e-5)
    np.testing.assert_allclose(state.covariances, best.covariances, rtol=1e-4)


def test_rows_without_a_fitted_value_take_no_part():
    table, residuals = drawn()
    rows = np.flatnonzero(np.arange(300) % 7 != 0)
    residuals[np.arange(300) % 7 == 0] = np.nan
    for solve in (maximised, em_moved):
        all_rows = columns(table, SLOPE)
        found = solve(all_rows, residuals, starting_effects(all_rows))
        cut = all_rows.take(rows)
        expected = solve(cut, residuals[rows], starting_effects(cut))
        assert found.n_rows == len(rows)
        assert found.sigma2 == pytest.approx(expected.sigma2, rel=1e-12)
        np.testing.assert_allclose(found.effects, expected.effects, rtol=1e-10)


def test_without_effects_all_variance_is_residual():
    table, residuals = drawn()
    found = no_effects(columns(table, SLOPE), residuals)
    assert found.sigma2 == pytest.approx(np.mean(residuals**2))
    assert not np.any(found.covariances)


def test_a_shared_column_counts_once():
    table, _ = drawn()
    random = columns(table, SLOPE, RandomTerm("h", ("x",)))
    assert random.names == ("Intercept", "x")


def test_em_takes_one_factor_only():
    table, residuals = drawn()
    random = columns(table, SLOPE, RandomTerm("h"))
    with pytest.raises(ValueError) as caught:
        em_moved(random, residuals, starting_effects(random))
    assert str(caught.value) == (
        "solver='em' takes one grouping factor, got several ('g', 'h'); "
        "use solver='profile'."
    )


@pytest.mark.parametrize(
    ("residual", "message"),
    [
        (
            np.nan,
            "no row has an out-of-bag prediction, so nothing is known about the "
            "residuals; use more trees or fit_prediction='cv'.",
        ),
        (
            0.0,
            "the fitted values equal the target in every row, so no variance is left "
            "to divide; use fit_prediction='cv' or a learner that cannot memorise rows.",
        ),
    ],
)
def test_residuals_that_say_nothing_are_refused(residual, message):
    random = columns(drawn()[0], SLOPE)
    with pytest.raises(ModelError) as caught:
        maximised(random, np.full(300, residual), starting_effects(random))
    assert str(caught.value) == message


@pytest.mark.parametrize("term", [RandomTerm("g"), SLOPE])
def test_the_effect_of_a_row_is_that_of_the_other_rows_at_equal_variances(term):
    table, residuals = drawn(2, n=120)
    random = columns(table, term)
    state = maximised(random, residuals, starting_effects(random))
    found = others_effects(random, residuals, state)
    left = residuals - average_part(random.columns, state.average)
    z = np.stack(random.design.factors[0].columns)
    for row in (0, 17, 60):
        same = (table["g"] == table["g"][row]).to_numpy()
        own = same & (np.arange(120) != row)
        d, zi = state.covariances[0], z[:, own]
        v = zi.T @ d @ zi + state.sigma2 * np.eye(own.sum())
        expected = z[:, row] @ d @ zi @ np.linalg.solve(v, left[own])
        assert found[row] == pytest.approx(expected, abs=1e-9)


def test_a_row_alone_in_its_level_has_no_effect_from_others():
    table, residuals = drawn(2, n=120)
    table.loc[0, "g"] = 99
    random = columns(table, RandomTerm("g"))
    state = maximised(random, residuals, starting_effects(random))
    assert others_effects(random, residuals, state)[0] == pytest.approx(0.0, abs=1e-9)


def test_a_row_without_a_fitted_value_gets_the_effect_of_its_level():
    table, residuals = drawn(2, n=120)
    residuals[5] = np.nan
    random = columns(table, RandomTerm("g"))
    state = maximised(random, residuals, starting_effects(random))
    expected = state.effects[0][random.design.factors[0].codes[5], 0]
    assert others_effects(random, residuals, state)[5] == expected
