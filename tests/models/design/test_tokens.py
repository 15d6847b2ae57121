"""Tokens of formulas, and names of any spelling."""

from hypothesis import given
from hypothesis import strategies as st

from flexcv.models.design._tokens import written_name
from flexcv.models.design._tree import Name, tree_of
from flexcv.models.design.terms import random_terms

NAMES = st.text(
    st.sampled_from([*list("abxyZ09 ._+-*/|:~^`'\"\\()[]{},=<>%#éß温"), "\t"]),
    min_size=1,
    max_size=8,
)


@given(NAMES)
def test_any_column_name_can_be_written(name: str) -> None:
    assert tree_of(written_name(name)) == Name(name)
    terms = random_terms(random=f"({written_name(name)} | {written_name('g' + name)})")
    assert terms[0].slopes == (name,)
    assert terms[0].group == "g" + name
