"""Effects given known rows, against dense algebra and against training itself."""

import time
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.linalg import block_diag
from sklearn.linear_model import Ridge

from flexcv.datasets import load_sleepstudy
from flexcv.errors import UnknownGroupsWarning
from flexcv.merf import MERF
from flexcv.models import (
    LinearMixedEffectsModel,
    MixedEffectsBoosting,
    NeuralMixedEffectsRegressor,
    PenalizedLinearMixedModel,
)
from flexcv.models.design._effects import Columns

PUBLISHED = [3591, 3330, 3095, 2926, 2529, 2020]  # issue 18, k = 0 to 5

NORMAL = {
    "linear": LinearMixedEffectsModel,
    "penalised": lambda **given: PenalizedLinearMixedModel(alpha=0.1, **given),
    "merf": lambda **given: MERF(Ridge(), random_state=0, **given),
    "boosting": lambda **given: MixedEffectsBoosting(
        max_iterations=20, random_state=0, **given
    ),
    "neural": lambda **given: NeuralMixedEffectsRegressor(
        n_epochs=2, random_state=0, **given
    ),
}


def table_of(n_groups=20, n_each=8, seed=0):
    """Draw rows of groups that meet items, with a slope that differs by group."""
    rng = np.random.default_rng(seed)
    n = n_groups * n_each
    table = pd.DataFrame(
        {
            "x": rng.normal(size=n),
            "z": rng.normal(size=n),
            "g": np.repeat(np.arange(n_groups), n_each),
            "item": rng.integers(0, 6, n),
        }
    )
    own = rng.normal(size=(n_groups, 2)) @ np.array([[1.0, 0.3], [0.0, 0.8]])
    y = 1 + table.x + own[table.g, 0] + own[table.g, 1] * table.x
    y += rng.normal(size=6)[table["item"]] + 0.7 * rng.normal(size=n)
    return table, y


def dense_mean(model, seen, y_seen, asked):
    """Return x'beta + z' D Z' V^-1 (y - X beta) over all rows that were seen."""
    both = pd.concat([seen, asked], ignore_index=True)
    source, n = Columns(both), len(seen)
    fixed, design = model._fixed_part(source), model.random_encoder_.redrawn(source)
    blocks, columns = [], []
    for factor, d in zip(design.factors, model.random_part_.covariances, strict=True):
        blocks += [d] * factor.n_levels
        is_of = factor.codes[:, None] == np.arange(factor.n_levels)
        parts = np.stack([is_of * c[:, None] for c in factor.columns], axis=2)
        columns.append(parts.reshape(len(both), -1))
    z, d = np.hstack(columns), block_diag(*blocks)
    v = z[:n] @ d @ z[:n].T + model.sigma_**2 * np.eye(n)
    left = np.asarray(y_seen) - fixed[:n]
    return fixed[n:] + z[n:] @ d @ z[:n].T @ np.linalg.solve(v, left)


def parts_of(table, y):
    """Return training rows, known rows and rows to predict; groups 15 on are new."""
    train = (table.g < 15) & (np.arange(len(table)) % 8 < 6)
    known = (table.g >= 12) & (np.arange(len(table)) % 8 >= 6)
    asked = ~train & ~known
    return [(table[part], y[part]) for part in (train, known, asked)]


@pytest.mark.parametrize(
    "random",
    [
        {"groups": "g"},
        {"groups": "g", "slopes": "x"},
        {"groups": ("g", "item")},
        {"groups": ("g", "item"), "slopes": "x"},
    ],
    ids=str,
)
def test_known_rows_give_the_conditional_mean_of_all_data(random):
    train, known, (asked, _) = parts_of(*table_of())
    model = LinearMixedEffectsModel(**random).fit(*train)

    given = model.predict(asked, known=known)

    seen = [pd.concat(pair) for pair in zip(train, known, strict=True)]
    expected = dense_mean(model, *seen, asked)
    assert np.abs(given - expected).max() < 1e-10
    assert np.abs(given - model.predict(asked)).max() > 0.1


def test_a_staged_fit_of_many_levels_gives_the_same_mean(monkeypatch):
    monkeypatch.setattr("flexcv.models.gaussian.rows.DENSE_COLUMNS", 1)
    train, known, (asked, _) = parts_of(*table_of(60))
    model = LinearMixedEffectsModel(groups=("g", "item")).fit(*train)

    given = model.predict(asked, known=known)

    seen = [pd.concat(pair) for pair in zip(train, known, strict=True)]
    assert np.abs(given - dense_mean(model, *seen, asked)).max() < 1e-10


def sequential_mean(model, table, y, known, asked):
    """Return the mean by dense algebra: what training left unknown, then the rows."""
    before = model._linear(Columns(table), model.random_encoder_.design(Columns(table)))
    z = [(table.g.to_numpy()[:, None] == np.arange(15, 20)).astype(float)]
    c = [model.random_part_.covariances[0][0, 0] * np.eye(5)]
    if len(model.random_encoder_.factors) > 1:
        items = model.random_encoder_.factors[1].levels
        z.append((table["item"].to_numpy()[:, None] == items.to_numpy()).astype(float))
        levels = [np.arange(0), np.arange(6)]
        c.append(model._level_spread().joint_of(levels))
    z, c = np.hstack(z), block_diag(*c)
    v = z[known] @ c @ z[known].T + model.sigma_**2 * np.eye(known.sum())
    moved = z[asked] @ c @ z[known].T @ np.linalg.solve(v, (y - before)[known])
    return before[asked] + moved


@pytest.mark.parametrize("family", NORMAL)
@pytest.mark.parametrize("groups", ["g", ("g", "item")], ids=str)
def test_a_new_group_gets_the_conditional_mean_in_every_normal_family(family, groups):
    table, y = table_of()
    train, place = table.g < 15, np.arange(len(y)) % 8
    known = (~train & (place < 3)).to_numpy()
    asked = (~train & (place > 2)).to_numpy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = NORMAL[family](groups=groups).fit(table[train], y[train])

    given = model.predict(table[asked], known=(table[known], y[known]))

    expected = sequential_mean(model, table, y, known, asked)
    assert np.abs(given - expected).max() < 1e-10


def test_what_several_factors_leave_unknown_is_the_same_by_both_ways():
    table, y = table_of()
    model = PenalizedLinearMixedModel(("g", "item"), "x", alpha=0.1).fit(table, y)
    levels = [np.array([2, 7]), np.array([0, 3, 5])]

    found = model.uncertainty_.joint_of(levels)

    places = [4, 5, 14, 15, 40, 43, 45]
    expected = model.uncertainty_.joint[np.ix_(places, places)]
    assert np.abs(found - expected).max() < 1e-12


def test_known_rows_count_among_the_rows_whose_group_means_are_features():
    table, y = table_of()
    model = LinearMixedEffectsModel(groups="g", between=True).fit(table, y)
    rows = table.head(8).assign(g="new")

    given = model.predict(rows.head(3), known=(rows.tail(5), y.head(8).tail(5)))

    whole = Columns(model._with_group_means(rows))
    fixed = model._fixed_part(whole)
    d, s2 = model.random_part_.covariances[0][0, 0], model.sigma_**2
    effect = (y.head(8) - fixed)[3:].sum() * d / (5 * d + s2)
    assert np.allclose(given, fixed[:3] + effect, atol=1e-10)


def test_what_features_tell_of_a_group_stands_before_its_known_rows():
    rng = np.random.default_rng(5)
    table = pd.DataFrame({"x": rng.normal(size=240), "g": np.repeat(range(40), 6)})
    level = 2 * rng.normal(size=40)[table.g]
    table["x"] += level
    y = table.x + 2 * level + 0.5 * rng.normal(size=40)[table.g] + rng.normal(size=240)
    model = MERF(Ridge(), "g", between=True, random_state=0)
    model.fit(table[table.g < 30], y[table.g < 30])
    rows = table[table.g == 33]
    assert model.group_learner_ is not None

    given = model.predict(rows.head(2), known=(rows.tail(4), y[rows.index[2:]]))

    before = model.predict(rows)
    d, s2 = model.random_part_.covariances[0][0, 0], model.sigma_**2
    effect = (y[rows.index] - before)[2:].sum() * d / (4 * d + s2)
    assert np.allclose(given, before[:2] + effect, atol=1e-10)


def test_the_published_learning_curve_of_drivers_comes_out():
    sleep = load_sleepstudy()
    late, errors = sleep["Days"] >= 5, np.zeros((6, 18))
    for place, driver in enumerate(sleep["Subject"].unique()):
        own = sleep["Subject"].eq(driver)
        X = sleep[["Days", "Subject"]]
        model = LinearMixedEffectsModel(groups="Subject", slopes="Days")
        model.fit(X[~own], sleep["Reaction"][~own])
        for k in range(6):
            rows = own & (sleep["Days"] < k)
            given = (X[rows], sleep["Reaction"][rows])
            predicted = model.predict(X[own & late], known=given)
            errors[k, place] = np.mean((sleep["Reaction"][own & late] - predicted) ** 2)

    assert errors.mean(axis=1).round().tolist() == PUBLISHED


def test_a_thousand_groups_are_updated_in_a_second():
    table, y = table_of(1100)
    new = table.g >= 100
    model = LinearMixedEffectsModel(groups="g", slopes="x").fit(table[~new], y[~new])
    known = new & (np.arange(len(y)) % 8 < 5)

    start = time.process_time()
    model.predict(table[new & ~known], known=(table[known], y[known]))

    assert time.process_time() - start < 1.0


def test_labels_are_matched_as_people_mean_them():
    table, y = table_of()
    model = LinearMixedEffectsModel(groups="g").fit(
        table[table.g < 15], y[table.g < 15]
    )
    own = table[table.g == 17]
    known = own.head(4).assign(g="17")

    given = model.predict(own.tail(4), known=(known, y[known.index]))

    expected = model.predict(own.tail(4), known=(own.head(4), y[known.index]))
    assert np.array_equal(given, expected)


def test_known_rows_of_nobody_are_told():
    table, y = table_of()
    model = LinearMixedEffectsModel(groups="g").fit(table, y)
    known = table.head(3).assign(g=77)

    with pytest.warns(UnknownGroupsWarning, match="3 row.s. of groups that no row"):
        model.predict(table.tail(3), known=(known, y.head(3)))


def test_no_known_rows_change_nothing():
    table, y = table_of()
    model = LinearMixedEffectsModel(groups="g").fit(table, y)

    given = model.predict(table, known=(table.head(0), y.head(0)))

    assert np.array_equal(given, model.predict(table))


def test_a_gap_among_known_rows_is_left_out_where_training_leaves_gaps_out():
    table, y = table_of()
    model = LinearMixedEffectsModel(groups="g", na_action="drop").fit(table, y)
    known = table.head(4).assign(g=50)
    gappy = known.assign(x=known["x"].where(np.arange(4) > 0))

    given = model.predict(table.head(9).assign(g=50), known=(gappy, y.head(4)))

    fewer = model.predict(table.head(9).assign(g=50), known=(known[1:], y[1:4]))
    assert np.array_equal(given, fewer)


def test_a_known_row_that_cannot_be_predicted_tells_nothing():
    table, y = table_of()
    table["kind"] = np.where(np.arange(len(y)) % 3 > 0, "a", "b")
    model = LinearMixedEffectsModel("g", unknown_levels="missing").fit(table, y)
    rows = table.head(6).assign(g=99)
    strange = rows.assign(kind=["c", *rows["kind"][1:]])

    given = model.predict(rows.tail(2), known=(strange.head(4), y.head(4)))

    fewer = model.predict(rows.tail(2), known=(rows[1:4], y[1:4]))
    assert np.array_equal(given, fewer)


def test_weights_of_known_rows_count_as_precisions():
    table, y = table_of()
    table["w"] = 2.0
    model = LinearMixedEffectsModel(groups="g", weights="w").fit(table, y)
    rows = table.head(2).assign(g=99)

    twice = model.predict(rows, known=(rows.head(1), y.head(1)))

    doubled = pd.concat([rows.head(1).assign(w=1.0)] * 2)
    same = model.predict(rows, known=(doubled, y.iloc[[0, 0]]))
    assert np.allclose(twice, same, atol=1e-12)


def test_what_is_no_pair_is_refused():
    table, y = table_of()
    model = LinearMixedEffectsModel(groups="g").fit(table, y)

    with pytest.raises(TypeError) as caught:
        model.predict(table, known=table)

    assert str(caught.value) == (
        "`known` must be a pair (table, y) of known rows and their outcome, got "
        "DataFrame; pass known=(table, y)."
    )


def test_a_model_of_populations_refuses_known_rows():
    table, y = table_of()
    model = LinearMixedEffectsModel(groups="g", known_groups="population")
    model.fit(table, y)

    with pytest.raises(ValueError) as caught:
        model.predict(table, known=(table, y))

    assert str(caught.value) == (
        "`known` needs known_groups='conditional', got 'population'; leave `known` "
        "out, or fit with known_groups='conditional'."
    )
