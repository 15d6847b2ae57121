import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GroupKFold, KFold

from flexcv.merf import MERF
from flexcv.models import LinearMixedEffectsModel
from flexcv.resampling import (
    BalancedGroupKFold,
    ConcatenatedStratifiedKFold,
    ContinuousStratifiedGroupKFold,
    ContinuousStratifiedKFold,
)
from flexcv.testing import check_mixed_model, check_splitter


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
