import functools

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GroupKFold, KFold

from flexcv.merf import MERF
from flexcv.models import LinearMixedEffectsModel
from flexcv.models.laplace.families import FAMILIES, Poisson, family_of
from flexcv.resampling import (
    BalancedGroupKFold,
    ConcatenatedStratifiedKFold,
    ContinuousStratifiedGroupKFold,
    ContinuousStratifiedKFold,
)
from flexcv.testing import LAWS, check_family, check_mixed_model, check_splitter
from flexcv.testing.laws import Trial, grouped_sample


@pytest.mark.parametrize(
    ("kind", "keeps_groups"),
    [
        (BalancedGroupKFold, True),
        (ContinuousStratifiedGroupKFold, True),
        (ContinuousStratifiedKFold, False),
        (ConcatenatedStratifiedKFold, False),
    ],
)
def test_our_splitters_pass_the_suite(kind, keeps_groups):
    check_splitter(lambda seed: kind(3, random_state=seed), keeps_groups=keeps_groups)


def test_scikit_learns_splitters_pass_the_suite():
    check_splitter(lambda seed: GroupKFold(3), keeps_groups=True)


class Overlaps(KFold):
    def split(self, X, y=None, groups=None):
        for train, test in super().split(X):
            yield np.r_[train, test[:1]], test


class ShuffledKFold(KFold):
    """Ignore the seed: other folds at each call."""

    calls = 0

    def split(self, X, y=None, groups=None):
        ShuffledKFold.calls += 1
        self.random_state = ShuffledKFold.calls
        yield from super().split(X)


class Forgets(KFold):
    def split(self, X, y=None, groups=None):
        yield from list(super().split(X))[1:]


@pytest.mark.filterwarnings("ignore:The groups parameter is ignored")
@pytest.mark.parametrize(
    ("make", "keeps_groups", "message"),
    [
        (lambda seed: KFold(3), True, "in training and test at once"),
        (lambda seed: Overlaps(3), False, "in training and test at once"),
        (lambda seed: Forgets(3), False, "must cover rows once"),
        (lambda seed: ShuffledKFold(3, shuffle=True), False, "equal seeds"),
    ],
)
def test_a_splitter_that_breaks_the_contract_is_caught(make, keeps_groups, message):
    with pytest.raises(AssertionError, match=message):
        check_splitter(make, keeps_groups=keeps_groups)


def test_our_mixed_models_pass_the_suite():
    check_mixed_model(LinearMixedEffectsModel)


def test_merf_passes_the_suite():
    check_mixed_model(lambda **options: MERF(LinearRegression(), **options))


def test_laws_that_are_not_kept_are_named_by_their_name():
    with pytest.raises(ValueError, match="did you mean 'weights_weigh'"):
        check_mixed_model(LinearMixedEffectsModel, exceptions=["weights_weight"])


class Drifting(LinearMixedEffectsModel):
    """A model that breaks one law, which `fault` names."""

    def __init__(self, groups=None, known_groups="conditional", fault=None):
        super().__init__(groups, known_groups=known_groups)
        self.fault = fault

    def fit(self, X, y, sample_weight=None):
        if self.fault == "draws":
            np.random.rand()  # noqa: NPY002  it is the fault
        if self.fault == "changes":
            X["a b"] = 0.0
        if self.fault == "weights":
            sample_weight = None
        if self.fault == "names":
            y = y + 0.5 * (X[self.groups].astype(str) == "level 3")
        if self.fault == "units":
            y = np.asarray(y) + 1.0 / (1.0 + np.abs(y))
        return super().fit(X, y, sample_weight)

    def predict(self, X):
        if self.fault == "column" and len(X.columns) < 3:
            raise ValueError("something is wrong")
        predicted = super().predict(X)
        steps = np.arange(len(predicted)) if self.fault == "order" else 0.0
        return predicted + steps


@pytest.mark.parametrize(
    ("fault", "law"),
    [
        ("draws", "global_generator_untouched"),
        ("changes", "tables_are_left_unchanged"),
        ("weights", "weights_weigh"),
        ("names", "names_of_groups_decide_nothing"),
        ("units", "predictions_follow_the_units"),
        ("column", "missing_column_is_refused"),
        ("order", "rows_are_predicted_one_by_one"),
    ],
)
def test_a_broken_law_is_caught(fault, law):
    trial = Trial(functools.partial(Drifting, fault=fault), grouped_sample())
    with pytest.raises(AssertionError):
        LAWS[law](trial)


def test_a_model_without_random_effects_is_caught():
    class Plain(LinearRegression):
        def __init__(self, groups=None, known_groups="conditional"):
            super().__init__()
            self.groups, self.known_groups = groups, known_groups

        def fit(self, X, y):
            return super().fit(X.drop(columns=self.groups), y)

        def predict(self, X):
            return super().predict(X.drop(columns=self.groups))

    with pytest.raises(AssertionError, match="must gain from their effects"):
        check_mixed_model(Plain)


DRAWS = {
    "binomial": lambda mean, rng: rng.binomial(1, mean),
    "poisson": lambda mean, rng: rng.poisson(mean),
    "negative_binomial": lambda mean, rng: rng.poisson(
        mean * rng.gamma(1.5, 1 / 1.5, len(mean))
    ),
    "gamma": lambda mean, rng: mean * rng.gamma(1 / 1.5, 1.5, len(mean)),
}


@pytest.mark.parametrize(
    ("name", "link"),
    [(name, link) for name, (_, links) in FAMILIES.items() for link in links],
)
def test_our_families_pass_the_suite(name, link):
    check_family(family_of(name, link), DRAWS[name], dispersion=1.5)


class Upside(Poisson):
    def kernel(self, y, eta, weights, dispersion=1.0):
        at = super().kernel(y, eta, weights, dispersion)
        return at._replace(score=-at.score)


class Elsewhere(Poisson):
    def mean(self, eta):
        return np.exp(eta) + 1.0


class Certain(Poisson):
    def fisher(self, eta, weights, dispersion=1.0):
        return 2.0 * weights * np.exp(eta)


class Endless(Poisson):
    def start(self, y):
        return np.full(len(y), np.inf)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (Upside, "score must be the slope of loglik"),
        (Elsewhere, "scores must average to zero"),
        (Certain, "fisher must be the average information"),
        (Endless, "start must be finite"),
    ],
)
def test_a_family_that_breaks_the_contract_is_caught(kind, message):
    with pytest.raises(AssertionError, match=message):
        check_family(kind(), DRAWS["poisson"])
