"""Formulas as trees that are written as they were read."""

from hypothesis import given
from hypothesis import strategies as st

from flexcv.models.design._tokens import tokens_of
from flexcv.models.design._tree import Call, Name, Number, Sign, tree_of

NAMES = st.text(
    st.sampled_from([*list("abxyZ09 ._+-*/|:~^`'\"\\()[]{},=<>%#éß温"), "\t"]),
    min_size=1,
    max_size=8,
)


ATOMS = st.one_of(
    st.builds(Name, NAMES),
    st.sampled_from(["0", "1", "2"]).map(Number),
    st.sampled_from(
        ["log(x)", "I(x^2 - 1)", "poly(x, 2, raw=TRUE)", "I(`a b` / -2)", "C(f, 'a|b')"]
    ).map(lambda text: Call(tokens_of(text))),
)


TREES = st.recursive(
    ATOMS,
    lambda part: st.builds(
        Sign, st.sampled_from(["+", "-", "*", "/", ":", "%in%", "**"]), part, part
    ),
    max_leaves=8,
)


@given(TREES)
def test_a_tree_is_read_again_as_it_was_written(tree) -> None:
    assert tree_of(str(tree)) == tree


@given(TREES, st.sampled_from(["  ", "\t", "\n "]))
def test_white_space_changes_nothing(tree, space: str) -> None:
    spread = space.join(str(token) for token in tokens_of(str(tree)))
    assert tree_of(f"{space}{spread}{space}") == tree
