import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin, TransformerMixin
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import PCA
from sklearn.ensemble import BaggingRegressor, RandomForestRegressor
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.feature_selection import (
    RFE,
    SelectFromModel,
    SelectKBest,
    SequentialFeatureSelector,
    VarianceThreshold,
    f_regression,
)
from sklearn.impute import IterativeImputer, SimpleImputer
from sklearn.linear_model import Lasso, LinearRegression, Ridge
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    OneHotEncoder,
    StandardScaler,
    TargetEncoder,
)

from flexcv.models.alternating.early_steps import reads_target_early
from flexcv.models.alternating.out_of_sample import refit

RNG = np.random.default_rng(0)
X = pd.DataFrame(RNG.normal(size=(200, 4)), columns=list("abcd"))
X["e"] = RNG.integers(0, 5, 200)
Y = X["a"].to_numpy() + 0.1 * RNG.normal(size=200)
BEST = SelectKBest(f_regression, k=2)


class Optional(TransformerMixin, BaseEstimator):
    """Says nothing, and moves columns by a correlation with the target, if given."""

    def __init__(self, heard=True):
        self.heard = heard

    def fit(self, X, y=None):
        X = np.asarray(X)
        heard = self.heard and y is not None
        self.shift_ = X.T @ y / len(y) if heard else X.mean(axis=0)
        return self

    def transform(self, X):
        return np.asarray(X) - self.shift_


class Holder(RegressorMixin, BaseEstimator):
    """Shows the coefficients of what it holds."""

    def __init__(self, estimator):
        self.estimator = estimator

    def fit(self, X, y):
        self.coef_ = self.estimator.fit(X, y)[-1].coef_
        return self

    def predict(self, X):
        return self.estimator.predict(X)


def name_of(step):
    """Name a step without what its settings hold, which has addresses."""
    return step if isinstance(step, str) else type(step).__name__


READERS = [
    BEST,
    PLSRegression(2),
    TargetEncoder(),
    SelectFromModel(Lasso(0.1)),
    RFE(LinearRegression(), n_features_to_select=2),
    SequentialFeatureSelector(LinearRegression(), n_features_to_select=1, cv=2),
    make_pipeline(StandardScaler(), BEST),
    FeatureUnion([("all", PCA(2)), ("best", BEST)]),
    ColumnTransformer([("few", make_pipeline(BEST), list("abc"))]),
    Optional(),
]
OTHERS = [
    StandardScaler(),
    "passthrough",
    PCA(2),
    KBinsDiscretizer(3, encode="ordinal", quantile_method="averaged_inverted_cdf"),
    VarianceThreshold(),
    FunctionTransformer(np.abs),
    IterativeImputer(max_iter=2, random_state=0),
    make_pipeline(SimpleImputer(), None),
    FeatureUnion([("all", PCA(2)), ("none", "drop")]),
    ColumnTransformer(
        [("one", OneHotEncoder(), ["e"]), ("rest", "passthrough", ["a"])]
    ),
    Optional(heard=False),
]
LASTS = [LinearRegression(), RandomForestRegressor(50, max_depth=2, random_state=0)]


@pytest.mark.parametrize("last", LASTS, ids=lambda last: type(last).__name__)
def test_a_step_that_reads_the_target_leads_to_cross_fitting(last):
    assert refit(make_pipeline(BEST, last), X, Y, "auto").kind == "cv"


@pytest.mark.parametrize("step", READERS, ids=name_of)
def test_steps_that_read_the_target_are_known(step):
    assert reads_target_early(make_pipeline(step, Ridge()), X, Y)
    scaler = StandardScaler().set_output(transform="pandas")
    nested = make_pipeline(scaler, make_pipeline(step, Ridge()))
    assert reads_target_early(nested, X, Y)


@pytest.mark.parametrize("step", OTHERS, ids=name_of)
def test_a_step_that_does_not_read_the_target_leaves_the_choice(step):
    kinds = [refit(make_pipeline(step, last), X, Y, "auto").kind for last in LASTS]
    assert kinds == ["in_sample", "oob"]


def test_steps_after_one_that_is_tried_are_tried_on_what_it_makes():
    steps = Optional(heard=False), FunctionTransformer(lambda Z: Z[:, :2]), Optional()
    assert reads_target_early(make_pipeline(*steps, Ridge()), X, Y)


def test_members_of_a_bag_may_read_the_target_of_their_own_rows():
    members = BaggingRegressor(make_pipeline(BEST, LinearRegression()), 50)
    assert refit(members, X, Y, "auto").kind == "oob"


@pytest.mark.parametrize(
    "learner",
    [
        TransformedTargetRegressor(make_pipeline(BEST, LinearRegression())),
        RFE(LinearRegression(), n_features_to_select=2),
        Holder(make_pipeline(BEST, LinearRegression())),
    ],
    ids=lambda learner: type(learner).__name__,
)
def test_what_hides_a_selection_is_cross_fitted(learner):
    assert refit(learner, X, Y, "auto").kind == "cv"


def test_a_learner_that_hides_nothing_keeps_its_choice():
    held = Holder(make_pipeline(StandardScaler(), LinearRegression()))
    assert refit(held, X, Y, "auto").kind == "in_sample"


def test_nothing_given_is_changed():
    learner = make_pipeline(Optional(), LinearRegression())
    reads_target_early(learner, X, Y)
    assert not hasattr(learner[0], "shift_")
