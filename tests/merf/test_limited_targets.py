import numpy as np
import pandas as pd
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    BaggingRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
)
from sklearn.linear_model import (
    GammaRegressor,
    LinearRegression,
    PoissonRegressor,
    TweedieRegressor,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    PowerTransformer,
    StandardScaler,
)
from sklearn.tree import DecisionTreeRegressor
from xgboost import XGBRegressor

from flexcv.merf import MERF

RNG = np.random.default_rng(0)
X = pd.DataFrame({"x": RNG.normal(size=120), "g": np.arange(120) % 12})
Y = 1.0 + RNG.poisson(np.exp(0.5 * X["x"] + RNG.normal(size=12)[X["g"]]))
POISSON = "set family='poisson' for counts, or pass a learner with squared loss"
GAMMA = "pass a learner with squared loss, or use MixedEffectsBoosting(family='gamma')"
TRANSFORM = "transform `y` before MERF sees it, or pass the regressor alone"
LOSSES = {
    DecisionTreeRegressor: "(criterion='poisson')",
    RandomForestRegressor: "(criterion='poisson')",
    XGBRegressor: "(objective='count:poisson')",
}
LOG = TransformedTargetRegressor(LinearRegression(), func=np.log, inverse_func=np.exp)


def transformed(transformer):
    return TransformedTargetRegressor(transformer=transformer)


def named(learner):
    loss = LOSSES.get(type(learner), "")
    if isinstance(learner, HistGradientBoostingRegressor):
        loss = f"(loss={learner.loss!r})"
    return type(learner).__name__ + loss


def sentence(part, way_out):
    """The sentence about a part, which is named with its loss."""
    return (
        "MERF takes the random effects out of the target, so its learner must take any "
        f"real number, and {part} does not; {way_out}."
    )


@pytest.mark.parametrize(
    ("learner", "way_out"),
    [
        (PoissonRegressor(), POISSON),
        (DecisionTreeRegressor(criterion="poisson"), POISSON),
        (RandomForestRegressor(criterion="poisson"), POISSON),
        (HistGradientBoostingRegressor(loss="poisson"), POISSON),
        (XGBRegressor(objective="count:poisson"), POISSON),
        (GammaRegressor(), GAMMA),
        (TweedieRegressor(power=1.5), GAMMA),
        (HistGradientBoostingRegressor(loss="gamma"), GAMMA),
        (LOG, TRANSFORM),
        (transformed(PowerTransformer("box-cox")), TRANSFORM),
        (transformed(FunctionTransformer(np.sqrt)), TRANSFORM),
    ],
    ids=lambda value: "" if isinstance(value, str) else str(value)[:70],
)
def test_a_learner_of_positive_targets_is_refused_before_the_first_fit(
    learner, way_out
):
    for given in (learner, make_pipeline(StandardScaler(), learner)):
        with pytest.raises(ValueError) as caught:
            MERF(given, "g").fit(X, Y)
        assert str(caught.value) == sentence(named(learner), way_out)


def test_one_inside_a_bag_is_found():
    with pytest.raises(ValueError) as caught:
        MERF(BaggingRegressor(GammaRegressor()), "g").fit(X, Y)
    assert str(caught.value) == sentence("GammaRegressor", GAMMA)


def test_a_family_gives_other_learners_working_responses_and_needs_any_number_too():
    with pytest.raises(ValueError) as caught:
        MERF(GammaRegressor(), "g", family="poisson").fit(X, Y)
    assert str(caught.value) == sentence("GammaRegressor", GAMMA)


@pytest.mark.parametrize(
    "learner",
    [
        TransformedTargetRegressor(LinearRegression(), transformer=StandardScaler()),
        TransformedTargetRegressor(
            PoissonRegressor(), func=np.exp, inverse_func=np.log
        ),
        TweedieRegressor(power=0.0),
        BaggingRegressor(LinearRegression(), 3),
    ],
    ids=str,
)
def test_learners_of_any_target_pass(learner):
    settings = {"max_iterations": 2, "tol": None}
    assert MERF(learner, "g", **settings).fit(X, Y - Y.mean()).n_iter_ == 2


def test_without_groups_or_rounds_the_learner_is_its_own_master():
    features = X[["x"]]
    expected = GammaRegressor().fit(features, Y).predict(features)
    np.testing.assert_allclose(
        MERF(GammaRegressor()).fit(features, Y).predict(features), expected
    )
    zero = MERF(GammaRegressor(), "g", max_iterations=0).fit(X, Y)
    np.testing.assert_allclose(zero.predict(X), expected)


def test_counts_go_where_the_sentence_points():
    model = MERF(PoissonRegressor(), "g", family="poisson").fit(X, Y - 1.0)
    assert model.variance_components_["variance"][0] > 0.1
