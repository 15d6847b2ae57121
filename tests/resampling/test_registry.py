import numpy as np
import pytest
from sklearn.model_selection import KFold

from flexcv import CrossValMethod
from flexcv.resampling.registry import FixedPairs, make_splitter, resolve_method


def test_names_and_members_mean_the_same():
    for member in CrossValMethod:
        assert resolve_method("split_out", member.value) is member
        assert resolve_method("split_out", member) is member


def test_a_near_miss_is_offered():
    with pytest.raises(ValueError) as caught:
        resolve_method("split_out", "GroupKfold")
    assert str(caught.value) == (
        "`split_out`: unknown splitter 'GroupKfold'; did you mean 'GroupKFold'?"
    )


def test_an_iterator_of_pairs_is_read_once_and_kept():
    pairs = ((np.array([0, 1]), np.array([2])) for _ in range(2))
    method = resolve_method("split_out", pairs)
    assert isinstance(method, FixedPairs)
    assert len(list(method.split(None))) == 2
    assert len(list(method.split(None))) == 2


def test_masks_become_positions():
    method = resolve_method("split_out", [([True, False, True], [False, True, False])])
    train, test = method.pairs[0]
    assert (train.tolist(), test.tolist()) == ([0, 2], [1])


def test_an_open_random_state_is_filled_on_a_copy():
    splitter = KFold(3, shuffle=True)
    seeded = make_splitter(splitter, 3, seed=7)
    assert seeded.random_state == 7
    assert splitter.random_state is None


def test_a_given_random_state_stays():
    splitter = KFold(3, shuffle=True, random_state=1)
    assert make_splitter(splitter, 3, seed=7) is splitter


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        (KFold, TypeError, "`split_out` must be a splitter object, got the class KFold; pass KFold(...)."),
        (3, TypeError, "`split_out` must be a splitter's name, a splitter or index pairs, got 3."),
        ([1, 2], TypeError, "`split_out` must hold (train, test) pairs of row positions, got 1."),
        ([([0.5], [1])], TypeError, "`split_out` must hold pairs of whole row positions, got an array of float64 with shape (1,)."),
    ],
)  # fmt: skip
def test_what_is_no_split_is_refused(value, kind, message):
    with pytest.raises(kind) as caught:
        resolve_method("split_out", value)
    assert str(caught.value) == message
