"""The specification of random terms, as records and in lme4's notation."""

import pickle
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flexcv.models import RandomTerm
from flexcv.models.design._tokens import written_name
from flexcv.models.design.terms import merged, random_terms, uncorrelated_parts


def test_a_slope_may_be_named_alone_and_a_group_may_be_a_list() -> None:
    assert RandomTerm("g", "x").slopes == ("x",)
    assert RandomTerm(["a", "b"]).group == ("a", "b")
    assert RandomTerm(["a"]).group == "a"


def test_a_term_travels_by_pickle() -> None:
    term = RandomTerm("g", ("x",), correlated=False)
    assert pickle.loads(pickle.dumps(term)) == term


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("(1 | g)", [RandomTerm("g")]),
        ("(x | g)", [RandomTerm("g", ("x",))]),
        ("(1 + x + z | g)", [RandomTerm("g", ("x", "z"))]),
        ("(0 + x | g)", [RandomTerm("g", ("x",), intercept=False)]),
        ("(x - 1 | g)", [RandomTerm("g", ("x",), intercept=False)]),
        ("(x || g)", [RandomTerm("g", ("x",), correlated=False)]),
        ("(1 | a/b)", [RandomTerm("a"), RandomTerm(("a", "b"))]),
        ("(1 | a:b)", [RandomTerm(("a", "b"))]),
        ("(1 | g) + (0 + x | g)", [RandomTerm("g"), RandomTerm("g", ("x",), False)]),
        ("(yield | class)", [RandomTerm("class", ("yield",))]),
        ("(reaction time | my group)", [RandomTerm("my group", ("reaction time",))]),
        ("(`a|b + c` | `g/h`)", [RandomTerm("g/h", ("a|b + c",))]),
        ("(a * b | g)", [RandomTerm("g", ("a", "b", "a:b"))]),
        ("(t + I(t^2) | g)", [RandomTerm("g", ("t", "I(t**2)"))]),
    ],
)
def test_lme4_notation_is_read(text: str, terms: list[RandomTerm]) -> None:
    assert list(random_terms(random=text)) == terms


def test_several_grouping_columns_are_several_factors_with_slopes_on_the_first() -> (
    None
):
    assert random_terms(["a", "b"], "x") == (RandomTerm("a", ("x",)), RandomTerm("b"))


def test_no_groups_are_no_terms() -> None:
    assert random_terms() == ()


def test_terms_on_one_factor_are_gathered() -> None:
    terms = random_terms(random="(1 | g) + (1 | h) + (0 + x | g)")
    assert [len(same) for same in merged(terms)] == [2, 1]


def test_an_uncorrelated_term_falls_into_one_part_per_effect() -> None:
    parts = uncorrelated_parts(RandomTerm("g", ("x", "z"), correlated=False))
    assert [str(part) for part in parts] == ["(1 | g)", "(0 + x | g)", "(0 + z | g)"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x + (1 | g)", "each random term must read '(effects | group)', got 'x'"),
        ("(1 | g", "brackets and backticks must close, got '(1 | g'"),
        ("(1 | )", "a random term needs a group on the right of '|'"),
        ("(0 | g)", "a random term needs an effect on the left of '|'"),
        ("(1 | a | b)", "a term has one '|' or one '||'"),
        ("", "each random term must read"),
    ],
)
def test_broken_notation_is_refused_in_one_sentence(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        random_terms(random=text)


def test_short_and_long_form_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="pass either `groups` and `slopes`"):
        random_terms("g", random="(1 | g)")


def test_slopes_need_groups() -> None:
    with pytest.raises(ValueError, match="name the grouping column in `groups`"):
        random_terms(slopes="x")


def test_a_term_without_any_effect_is_refused() -> None:
    with pytest.raises(ValueError, match="needs an intercept or a slope"):
        RandomTerm("g", intercept=False)


NAMES = st.text(
    st.sampled_from([*list("abxyZ09 ._+-*/|:~^`'\"\\()[]{},=<>%#éß温"), "\t"]),
    min_size=1,
    max_size=8,
)


@given(NAMES, NAMES)
def test_a_random_term_is_read_again_as_it_prints(slope: str, group: str) -> None:
    terms = random_terms(random=f"({written_name(slope)} | {written_name(group)})")
    assert random_terms(random=str(terms[0])) == terms
