"""Formulas as trees that are written as they were read."""

from hypothesis import given
from hypothesis import strategies as st

from flexcv.models.design._tokens import tokens_of
from flexcv.models.design._tree import tree_of
from tests.models.design.drawn import TREES


@given(TREES)
def test_a_tree_is_read_again_as_it_was_written(tree) -> None:
    assert tree_of(str(tree)) == tree


@given(TREES, st.sampled_from(["  ", "\t", "\n "]))
def test_white_space_changes_nothing(tree, space: str) -> None:
    spread = space.join(str(token) for token in tokens_of(str(tree)))
    assert tree_of(f"{space}{spread}{space}") == tree
