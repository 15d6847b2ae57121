import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flexcv.models import MixedEffectsBoosting
from flexcv.models.trees.monotone import Nodes, ordered_values

LEARNERS = ["histogram", "exact"]
FAMILIES = ["gaussian", "binomial", "poisson"]


def table(seed=0, n=300):
    """A noisy rise in x, a wave in z, and groups."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(n, 2)), columns=["x", "z"])
    X["g"] = np.arange(n) % 20
    eta = 0.4 * X["x"] + np.sin(3.0 * X["z"]) + 0.7 * rng.normal(size=20)[X["g"]]
    chance = 1.0 / (1.0 + np.exp(-eta))
    targets = {
        "gaussian": (eta + rng.normal(size=n)).to_numpy(),
        "binomial": (rng.random(n) < chance).astype(int),
        "poisson": rng.poisson(np.exp(eta)).astype(float),
    }
    return X, targets


def boosting(**settings):
    settings = {"max_iterations": 40, "patience": None, "random_state": 0} | settings
    return MixedEffectsBoosting("g", **settings)


def largest_fall(model):
    """How far predictions fall along x, at several z, for a known and a new group."""
    worst = 0.0
    for z in np.linspace(-2.0, 2.0, 9):
        for group in (3, 999):
            line = pd.DataFrame({"x": np.linspace(-3.0, 3.0, 400), "z": z, "g": group})
            if model.family == "binomial":
                predicted = model.predict_proba(line)[:, 1]
            else:
                predicted = model.predict(line)
            worst = max(worst, -float(np.diff(predicted).min()))
    return worst


@pytest.mark.parametrize("learner", LEARNERS)
@pytest.mark.parametrize("family", FAMILIES)
def test_the_fixed_part_rises_where_free_trees_fall(family, learner):
    X, targets = table()
    settings = {"family": family, "learner": learner, "min_samples_leaf": 3}
    free = boosting(**settings).fit(X, targets[family])
    assert largest_fall(free) > 0.01
    bound = boosting(**settings, monotonic_cst={"x": 1}).fit(X, targets[family])
    assert largest_fall(bound) <= 0.0
    line = pd.DataFrame({"x": [-2.0, 2.0], "z": 0.0, "g": 3})
    assert np.diff(bound.predict_linear(line))[0] > 0.1


@pytest.mark.parametrize("learner", LEARNERS)
def test_it_falls_where_it_must_fall(learner):
    X, targets = table()
    bound = boosting(learner=learner, monotonic_cst=[-1, 0])
    bound.fit(X.assign(x=-X["x"]), targets["gaussian"])
    line = pd.DataFrame({"x": np.linspace(-3.0, 3.0, 200), "z": 0.5, "g": 3})
    assert np.diff(bound.predict(line)).max() <= 0.0
    assert np.ptp(bound.predict(line)) > 0.1


@pytest.mark.parametrize("learner", LEARNERS)
@pytest.mark.parametrize("groups", [None, ["g", "h"]])
def test_gaps_slopes_weights_and_other_groups_are_no_hindrance(groups, learner):
    X, targets = table()
    X["h"] = np.arange(300) % 7
    X.loc[::9, "x"] = np.nan
    settings = {"slopes": ("w",)} if groups else {}
    X["w"] = X["z"] ** 2
    model = boosting(
        learner=learner, monotonic_cst={"x": 1}, step="gradient", **settings
    ).set_params(groups=groups)
    model.fit(X, targets["gaussian"], sample_weight=1.0 + np.arange(300) % 3)
    line = pd.DataFrame({"x": np.linspace(-3.0, 3.0, 200), "z": 0.5, "g": 3, "h": 2})
    assert np.diff(model.predict(line.assign(w=0.25))).min() >= 0.0


def test_without_a_direction_nothing_changes():
    X, targets = table()
    expected = boosting().fit(X, targets["gaussian"]).predict(X)
    for nothing in ({}, {"x": 0}, [0, 0]):
        model = boosting(monotonic_cst=nothing).fit(X, targets["gaussian"])
        np.testing.assert_array_equal(model.predict(X), expected)


def test_directions_follow_their_columns():
    X, targets = table()
    turned = X[["g", "z", "x"]]
    one = boosting(monotonic_cst=[1, -1]).fit(X, targets["gaussian"])
    other = boosting(monotonic_cst=[-1, 1]).fit(turned, targets["gaussian"])
    np.testing.assert_allclose(other.predict(turned), one.predict(X), atol=1e-9)


def test_a_bound_that_the_truth_keeps_costs_nothing_on_new_rows():
    errors = []
    for seed in range(3):
        X, targets = table(seed, 160)
        new, _ = table(seed + 100)
        true = 0.4 * new["x"] + np.sin(3.0 * new["z"])
        for directions in (None, {"x": 1}):
            model = boosting(patience=20, max_iterations=60, monotonic_cst=directions)
            model.fit(X, targets["gaussian"]).set_params(known_groups="population")
            errors.append(np.mean((model.predict(new) - true) ** 2))
    free, bound = np.reshape(errors, (3, 2)).mean(axis=0)
    assert bound < free


@given(st.integers(0, 10_000))
def test_ordered_values_are_ordered_and_move_no_ordered_ones(seed):
    rng = np.random.default_rng(seed)
    nodes, n_leaves = grown_at_random(rng)
    directions, values = rng.integers(-1, 2, 3), rng.normal(size=n_leaves)
    sizes = rng.exponential(size=n_leaves)
    ordered = ordered_values(values, nodes, directions, sizes)
    for node in np.flatnonzero(nodes.feature >= 0):
        sides = (leaves_below(nodes, int(s[node])) for s in (nodes.left, nodes.right))
        low, high = (ordered[leaves] for leaves in sides)
        sign = directions[nodes.feature[node]]
        assert sign * (high.min() if sign > 0 else high.max()) >= sign * (
            low.max() if sign > 0 else low.min()
        )
    np.testing.assert_array_equal(
        ordered_values(ordered, nodes, directions, sizes), ordered
    )


def grown_at_random(rng, n_splits=6):
    feature, left, right, leaves = [-1], [0], [0], [0]
    for _ in range(n_splits):
        at = leaves.pop(int(rng.integers(len(leaves))))
        feature[at], left[at] = int(rng.integers(3)), len(feature)
        right[at] = left[at] + 1
        leaves += [left[at], right[at]]
        feature += [-1, -1]
        left, right = [*left, 0, 0], [*right, 0, 0]
    number = np.full(len(feature), -1)
    number[leaves] = np.arange(len(leaves))
    return Nodes(*map(np.array, (feature, left, right)), number), len(leaves)


def leaves_below(nodes, node):
    if nodes.feature[node] < 0:
        return [int(nodes.leaf[node])]
    sides = int(nodes.left[node]), int(nodes.right[node])
    return [leaf for side in sides for leaf in leaves_below(nodes, side)]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"monotonic_cst": {"y": 1}},
            "`monotonic_cst` names column 'y', which is no feature; name a feature.",
        ),
        (
            {"monotonic_cst": {"g": 1}},
            "`monotonic_cst` names column 'g', which is no feature; name a feature.",
        ),
        (
            {"monotonic_cst": {"x": 2}},
            "`monotonic_cst` must hold 1 (rising), -1 (falling) or 0 (free), got 2 for "
            "column 'x'.",
        ),
        (
            {"monotonic_cst": [1]},
            "`monotonic_cst` must hold one direction per feature, here 3 ('x', 'z', "
            "'f'), got 1; a mapping by name needs those alone that are not 0.",
        ),
        (
            {"monotonic_cst": {"x": 1}, "slopes": ("x",)},
            "column 'x' has a random slope, which may rise in one group and fall in "
            "another; leave it out of `monotonic_cst` or out of the random part.",
        ),
        (
            {"monotonic_cst": {"f": -1}},
            "column 'f' holds labels, along which nothing rises or falls; leave it out "
            "of `monotonic_cst` or convert it to numbers.",
        ),
    ],
    ids=lambda value: str(value)[:45],
)
def test_what_cannot_be_monotone_is_refused_in_one_sentence(settings, message):
    X, targets = table()
    X["f"] = np.resize(["a", "b"], len(X))
    with pytest.raises(ValueError) as caught:
        boosting(**settings).fit(X, targets["gaussian"])
    assert str(caught.value) == message
