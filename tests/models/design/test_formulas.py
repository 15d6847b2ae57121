"""The notation as a tree: reading, writing, expanding and coding of formulas."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flexcv.models.design._effects import Columns
from flexcv.models.design._expansion import expanded
from flexcv.models.design._notation import read_bars, read_formula, term_text
from flexcv.models.design._tokens import tokens_of, written_name
from flexcv.models.design._tree import Call, Name, Number, Sign, tree_of
from flexcv.models.design.columns import learn_fixed, learn_random
from flexcv.models.design.terms import random_terms

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


def table_of() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "x": rng.normal(size=36),
            "k": np.tile([1, 2, 3], 12),
            "f": np.tile(list("aabbcc"), 6),
            "h": np.tile(list("uuuvvv"), 6),
            "o": pd.Categorical(np.tile(list("lmh"), 12), list("lmh"), ordered=True),
            "g": np.repeat(np.arange(6), 6),
        }
    )


def names_of(formula: str) -> tuple[str, ...]:
    return learn_fixed(table_of(), formula=formula, leave_out=["g"]).names


def random_names(random: str) -> tuple[str, ...]:
    terms = random_terms(random=random)
    return learn_random(Columns(table_of()), terms)[1].factors[0].names


@given(TREES)
def test_a_tree_is_read_again_as_it_was_written(tree) -> None:
    assert tree_of(str(tree)) == tree


@given(st.lists(TREES, min_size=1, max_size=3), TREES, NAMES, NAMES)
def test_a_formula_with_bars_is_read_again_as_it_was_written(parts, effects, g, y):
    bar = Sign("||", effects, Name(g))
    tree = Sign("+", parts[0], bar)
    for part in parts[1:]:
        tree = Sign("+", tree, part)
    tree = Sign("~", Name(y), tree)
    assert tree_of(str(tree)) == tree


@given(NAMES)
def test_any_column_name_can_be_written(name: str) -> None:
    assert tree_of(written_name(name)) == Name(name)
    terms = random_terms(random=f"({written_name(name)} | {written_name('g' + name)})")
    assert terms[0].slopes == (name,)
    assert terms[0].group == "g" + name


@given(NAMES, NAMES)
def test_a_random_term_is_read_again_as_it_prints(slope: str, group: str) -> None:
    terms = random_terms(random=f"({written_name(slope)} | {written_name(group)})")
    assert random_terms(random=str(terms[0])) == terms


@given(TREES, st.sampled_from(["  ", "\t", "\n "]))
def test_white_space_changes_nothing(tree, space: str) -> None:
    spread = space.join(str(token) for token in tokens_of(str(tree)))
    assert tree_of(f"{space}{spread}{space}") == tree


@pytest.mark.parametrize(
    ("formula", "fixed", "random"),
    [
        ("Reaction ~ Days + (Days | Subject)", "Days", "(1 + Days | Subject)"),
        ("x + (1|g) - 1", "x - 1", "(1 | g)"),
        ("(1|g) - 1", "-1", "(1 | g)"),
        ("x + (((1 | g)) + z)", "x + z", "(1 | g)"),
        ("(0 + I(x - 1) | g)", "1", "(0 + I(x-1) | g)"),
        ("(I(x-10) || g) + x", "x", "(1 + I(x-10) || g)"),
        ("`a + b` + (`c|d` | `(g)`)", "`a + b`", "(1 + `c|d` | `(g)`)"),
        ("(1 | factor(g))", "1", "(1 | g)"),
        ("(1 | a/(b:c))", "1", "(1 | a) + (1 | a:b:c)"),
        ("x + C(f, 'a|b') + (1 | g)", "x + C(f, 'a|b')", "(1 | g)"),
        ("", "1", ""),
    ],
)
def test_a_formula_falls_into_its_parts(formula: str, fixed: str, random: str) -> None:
    parsed = read_formula(formula)
    assert str(parsed.fixed) == fixed
    assert parsed.bars == (read_bars(random) if random else ())


@pytest.mark.parametrize(
    ("formula", "terms", "intercept"),
    [
        ("x*(f+h)^2 - x:f", "x f h f:h x:h x:f:h", None),
        ("(f + h)/x", "f h f:h:x", None),
        ("f/(x + h)", "f f:x f:h", None),
        ("f %in% h", "f:h", None),
        ("0 + x + 1", "x", True),
        ("x*(h - 1)", "x h x:h", False),
        ("x^2", "x", None),
        ("a:b + b:a + a", "a a:b", None),
        ("x + -1", "x", False),
    ],
)
def test_terms_are_expanded_as_r_does(formula, terms, intercept) -> None:
    found = expanded(tree_of(formula))
    assert " ".join(term_text(term) for term in found.products) == terms
    assert found.intercept is intercept


# model.matrix of R 4.2.2, with its names of columns in our spelling.
@pytest.mark.parametrize(
    ("formula", "names"),
    [
        ("x:f", "Intercept x:f[a] x:f[b] x:f[c]"),
        ("x + x:f", "Intercept x x:f[T.b] x:f[T.c]"),
        ("0 + f + h", "f[a] f[b] f[c] h[T.v]"),
        ("h + 0 + x:f", "h[u] h[v] x:f[a] x:f[b] x:f[c]"),
        ("f + f:h", "Intercept f[T.b] f[T.c] f[a]:h[T.v] f[b]:h[T.v] f[c]:h[T.v]"),
        (
            "f:h",
            "Intercept f[a]:h[u] f[b]:h[u] f[c]:h[u] f[a]:h[v] f[b]:h[v] f[c]:h[v]",
        ),
        ("o", "Intercept o[.L] o[.Q]"),
        ("0 + o", "o[l] o[m] o[h]"),
        ("ordered(k)", "Intercept ordered(k)[.L] ordered(k)[.Q]"),
        ("factor(k) - 1", "factor(k)[1] factor(k)[2] factor(k)[3]"),
        ("C(k, contr.sum)", "Intercept C(k, contr.sum)[S.1] C(k, contr.sum)[S.2]"),
    ],
)
def test_the_fixed_part_is_coded_by_rs_rule(formula: str, names: str) -> None:
    assert " ".join(names_of(formula)) == names


@pytest.mark.parametrize(
    ("random", "names"),
    [
        ("(x:f | g)", "Intercept x:f[a] x:f[b] x:f[c]"),
        ("(0 + x:f | g)", "x:f[a] x:f[b] x:f[c]"),
        ("(0 + x + x:f | g)", "x x:f[T.b] x:f[T.c]"),
        ("(x * f | g)", "Intercept x f[T.b] f[T.c] x:f[T.b] x:f[T.c]"),
        ("(x * h || g)", "Intercept x h[u] h[v] x:h[u] x:h[v]"),
        ("(x - 1 + h | g)", "x h[u] h[v]"),
        ("(f/x | g)", "Intercept f[T.b] f[T.c] f[a]:x f[b]:x f[c]:x"),
    ],
)
def test_the_random_part_is_coded_by_the_same_rule(random: str, names: str) -> None:
    assert " ".join(random_names(random)) == names


def test_polynomial_contrasts_are_those_of_r() -> None:
    # contr.poly(3), R 4.2.2
    encoder = learn_fixed(table_of(), formula="o")
    columns = np.array(encoder.columns(Columns(table_of().head(3))))
    root = np.sqrt(0.5)
    np.testing.assert_allclose(columns[1], [-root, 0.0, root], atol=1e-15)
    np.testing.assert_allclose(columns[2] * np.sqrt(6.0), [1.0, -2.0, 1.0], atol=1e-14)


def test_a_point_stands_for_every_feature() -> None:
    assert names_of(". - f - h - o") == ("Intercept", "x", "k")


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("x + ", "formula 'x + ' must have a term behind the last sign;"),
        ("x > 3", "must have a sign between two terms, got '>'; names with signs go"),
        ("2 * x", "a number between the signs of a formula is 0 or 1, got 2;"),
        ("x^k", "a power of terms is a whole number from 1 on, got 'x ^ k';"),
        ("x - ray", "a formula can only take away terms it has, got '- ray';"),
        ("x * (1 | g)", "'(1 | g)' stands where a term should;"),
        ("x - (1 | g)", "a random term is added, got '- (1 | g)';"),
        ("x + 1 | g", "got a bar outside brackets in 'x + 1 | g'"),
        (
            "(1 | g * h)",
            "a group is a column, a:b or a/b, got 'g * h' in '(1 | g * h)'",
        ),
        ("lgo(x)", "formula 'lgo(x)' calls 'lgo', which formulas do not know; did you"),
        ("I(x - mean(x))", "write center(x), which keeps the training's mean."),
        ("cut(x, 3)", "calls 'cut', which formulas do not know; make the column"),
        ("I(x %% 2)", "the sign '%%' inside a function, where it is not read; write"),
        ("I(X2)", "formula 'I(X2)' names column 'X2', which is not in the table; did"),
        ("log(f)", "formula term 'log(f)' could not be calculated:"),
        ("C(f, 'b')", "a matrix with a row per level, got 'b' in 'C(f, 'b')'; write"),
        ("I(k & x > 0)", "put comparisons between & and |, as in (a == 1) & (b > 2)."),
        ("log(x)", "column 'log(x)' must be finite, got missing values;"),
        ("__import__('os')", "calls '__import__', which formulas do not know;"),
        ("np.__dict__(x)", "calls 'np.__dict__', which formulas do not know;"),
    ],
)
def test_what_is_not_read_is_refused_in_one_sentence(formula, message) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        learn_fixed(table_of(), formula=formula)


@pytest.mark.parametrize("dtype", ["int64", "uint8", "float32", "Int16", "bool"])
def test_numbers_of_any_kind_are_calculated_as_floats(dtype: str) -> None:
    table = table_of().assign(k=(table_of()["k"] - 1) % 2)
    formula = "I(k^2) + I(k - 100) + I(2^k) + I(k * 300) + k:x + I((k > 0) & (x > 0))"
    wanted = learn_fixed(table, formula=formula).columns(Columns(table))
    typed = table.assign(k=table["k"].astype(dtype))
    encoder = learn_fixed(typed, formula=formula)
    np.testing.assert_array_equal(encoder.columns(Columns(typed)), wanted)
    np.testing.assert_array_equal(encoder.columns(Columns(table)), wanted)


@pytest.mark.parametrize(
    ("formula", "value"),
    [
        ("log(z)", np.log),
        ("log(z, 2)", np.log2),
        ("sqrt(z)", np.sqrt),
        ("exp(z)", np.exp),
        ("log1p(z)", np.log1p),
        ("np.log(z)", np.log),
        ("as.numeric(z)", np.asarray),
        ("I(z^-1)", np.reciprocal),
        ("I(-z^2)", lambda z: -(z**2)),
        ("ifelse(z > 2, 1, 0)", lambda z: 1.0 * (z > 2)),
        ("pmax(z, 2)", lambda z: np.maximum(z, 2.0)),
        ("z.clip(2)", lambda z: np.maximum(z, 2.0)),
        ("{z + 1}", lambda z: z + 1),
    ],
)
def test_functions_mean_what_r_or_numpy_means(formula: str, value) -> None:
    table = pd.DataFrame({"z": [0.5, 1.5, 2.5, 4.0]})
    encoder = learn_fixed(table, formula=formula)
    found = encoder.columns(Columns(table))[1]
    np.testing.assert_allclose(found, value(table["z"].to_numpy()), rtol=1e-15)


@pytest.mark.parametrize(
    "term",
    [
        "poly(scale(x), 2)",
        "I(scale(x)^2):f",
        "bs(x, 4)",
        "ns(x, 4)",
        "cr(x, df=4)",
        "center(log(x + 9))",
        "C(k, Sum) * x",
        "C(f, Treatment('b'))",
        "factor(k, levels=c(3, 2, 1))",
        "C(x > 0)",
        "o:x",
        "np.where(f == 'a', x, 0)",
    ],
)
def test_what_training_taught_a_term_holds_for_single_rows(term: str) -> None:
    table = table_of()
    encoder = learn_fixed(table, formula=term)
    whole = np.array(encoder.columns(Columns(table)))
    part = np.array(encoder.columns(Columns(table.iloc[7:9])))
    np.testing.assert_array_equal(part, whole[:, 7:9])


def test_natural_splines_are_those_of_r_inside_and_outside() -> None:
    # ns(c(0, 1, 2, 4, 7), df = 3) and predict(., c(-1, 9)), R 4.2.2, 15 digits
    table = pd.DataFrame({"x": [0.0, 1.0, 2.0, 4.0, 7.0]})
    encoder = learn_fixed(table, formula="ns(x, df=3)")
    inside = np.array(encoder.columns(Columns(table))[1:]).T
    wanted = [
        [0.0, 0.0, 0.0],
        [-0.143290715043829398, 0.446558183747929, -0.2711246115612428],
        [0.000444768205499407, 0.596372319077624, -0.3592820732775209],
        [0.490399624443903392, 0.379323075552611, -0.0553605915167593],
        [-0.156616415410385235, 0.398659966499163, 0.7579564489112228],
    ]
    np.testing.assert_allclose(inside, wanted, atol=1e-12)
    new = pd.DataFrame({"x": [-1.0, 9.0]})
    wanted = [
        [0.196772815962305, -0.500876258813140, 0.304103442850835],
        [-0.835008375209380, 0.489112227805696, 1.345896147403685],
    ]
    outside = np.array(encoder.columns(Columns(new))[1:]).T
    np.testing.assert_allclose(outside, wanted, atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.lists(NAMES, min_size=3, max_size=3, unique=True))
def test_columns_of_any_name_take_part_in_any_term(names) -> None:
    table = table_of()[["x", "k", "f"]]
    wanted = learn_fixed(table, formula="x * f + I(x / k^2) + log(k)")
    x, k, f = (written_name(name) for name in names)
    renamed = table.set_axis(names, axis=1)
    encoder = learn_fixed(renamed, formula=f"{x}*{f} + I({x}/{k}^2) + log({k})")
    np.testing.assert_array_equal(
        encoder.columns(Columns(renamed)), wanted.columns(Columns(table))
    )
