"""Sizes, ranges and generators from what a user writes."""

import numpy as np
import pytest

from flexcv.models.mixtures.settings import check_range, generator_from, mixture_sizes


def sizes(n_components, n_factors=None, d=6, n_subjects=20):
    found = mixture_sizes(n_components, n_factors, d, n_subjects)
    return [(size.n_components, size.n_factors) for size in found]


def test_sizes_are_those_asked_for():
    assert sizes(3) == [((3,), (4,))]
    assert sizes((4, 2), (3, 1)) == [((4, 2), (3, 1))]
    assert sizes((4, 2), d=3) == [((4, 2), (2, 1))]
    assert sizes(2, 1, d=1) == [((2,), (1,))]


def test_auto_tries_what_the_subjects_and_the_curves_allow():
    assert sizes("auto") == [((2, 1), (4, 1)), ((4, 2), (4, 1)), ((10, 5), (4, 1))]
    assert sizes("auto", n_subjects=3) == [((2, 1), (4, 1))]
    assert sizes("auto", n_subjects=1) == [((1, 1), (4, 1))]
    assert sizes(2, "auto", d=3) == [((2,), (1,)), ((2,), (2,))]


@pytest.mark.parametrize(
    ("asked", "kind", "message"),
    [
        ({"n_components": "many"}, ValueError, "`n_components`"),
        ({"n_components": (4, 30)}, ValueError, "asks for 30 components in layer 2"),
        ({"n_components": ()}, TypeError, "must be a whole number or one for each"),
        ({"n_components": 2.5}, TypeError, "must be a whole number or one for each"),
        ({"n_components": (2, 0)}, ValueError, "`n_components`"),
        ({"n_components": (2, 1), "n_factors": 1}, ValueError, "for 2 layer"),
        ({"n_components": (2, 1), "n_factors": (2, 3)}, ValueError, "must not grow"),
        ({"n_components": 2, "n_factors": 7}, ValueError, "nor exceed the 6"),
    ],
)
def test_sizes_that_cannot_be_are_refused(asked, kind, message):
    with pytest.raises(kind, match=message):
        sizes(**asked)


def test_a_range_runs_from_a_smaller_to_a_larger_number():
    assert check_range(None) is None
    assert check_range((0, 2)) == (0.0, 2.0)
    with pytest.raises(ValueError, match="must run from a smaller to a larger"):
        check_range((1, 1))
    with pytest.raises(TypeError, match="must be two numbers"):
        check_range((1, 2, 3))


def test_one_seed_of_any_kind_gives_one_sequence():
    assert generator_from(3).random() == np.random.default_rng(3).random()
    one, other = (generator_from(np.random.RandomState(3)).random() for _ in range(2))
    assert one == other
    given = np.random.default_rng(0)
    assert generator_from(given) is given
