"""lme4's notation: a formula is a target, a fixed part and random terms."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from ._expansion import Term, expanded
from ._tokens import written
from ._tree import BARS, Call, Name, Node, Number, Sign, tree_of

SAME_LABELS = ("factor", "as.factor", "C")  # of a grouping column: the column itself


class Bar(NamedTuple):
    """One ``(effects | group)``, in the order of RandomTerm's fields."""

    group: str | tuple[str, ...]
    slopes: tuple[str, ...]
    intercept: bool
    correlated: bool


@dataclass(frozen=True, slots=True)
class ParsedFormula:
    """What stands left of ``~``, the fixed part, and the random terms.

    Attributes
    ----------
    left
        The left side, None where there is none.
    fixed
        The right side without its random terms.
    bars
        The random terms, nested groups spelled out.
    """

    left: Node | None
    fixed: Node
    bars: tuple[Bar, ...]


@lru_cache(maxsize=256)
def read_formula(text: str) -> ParsedFormula:
    """Read a formula.

    Examples
    --------
    >>> parsed = read_formula("Reaction ~ Days + (Days | Subject) - 1")
    >>> print(parsed.left, "and", parsed.fixed)
    Reaction and Days - 1
    >>> parsed.bars
    (Bar(group='Subject', slopes=('Days',), intercept=True, correlated=True),)
    """
    tree = tree_of(text) if text.strip() else Number("1")
    left: Node | None = None
    if isinstance(tree, Sign) and tree.sign == "~":
        left, tree = tree.left, tree.right
    fixed, bars = _taken_apart(tree)
    read = tuple(bar for node in bars for bar in _read_bar(node))
    return ParsedFormula(left, Number("1") if fixed is None else fixed, read)


def read_bars(text: str) -> tuple[Bar, ...]:
    """Read ``(1 + x | g) + (0 + z || a/b)`` into its terms.

    Examples
    --------
    >>> read_bars("(days | subject)")
    (Bar(group='subject', slopes=('days',), intercept=True, correlated=True),)
    """
    fixed, bars = _taken_apart(tree_of(text)) if text.strip() else (text, [])
    if fixed is not None:
        raise ValueError(
            f"each random term must read '(effects | group)', got {str(fixed)!r} in "
            f"{text!r}; write for example '(1 + days | subject)'."
        )
    return tuple(bar for node in bars for bar in _read_bar(node))


def term_text(term: Term) -> str:
    """Return a term as RandomTerm names it: a column by its bare name."""
    if len(term) == 1 and isinstance(term[0], Name):
        return term[0].column
    return ":".join(
        written(factor.tokens, gap="") if isinstance(factor, Call) else str(factor)
        for factor in term
    )


def _taken_apart(node: Node) -> tuple[Node | None, list[Sign]]:
    """Take the bars out of a sum; give what is left of it, and the bars."""
    if not isinstance(node, Sign):
        return node, []
    if node.is_bar:
        return None, [node]
    if node.sign not in "+-":
        return node, []
    left, bars = (None, []) if node.left is None else _taken_apart(node.left)
    right, more = _taken_apart(node.right)
    if more and node.sign == "-":
        raise ValueError(
            f"a random term is added, got '- {more[0]}'; remove it from the formula."
        )
    return _sum(node.sign, left, right), [*bars, *more]


def _sum(sign: str, left: Node | None, right: Node | None) -> Node | None:
    if right is None:
        return left
    return right if left is None and sign == "+" else Sign(sign, left, right)


def _read_bar(node: Sign) -> list[Bar]:
    assert node.left is not None
    if isinstance(node.left, Sign) and node.left.sign in BARS:
        raise ValueError(f"a term has one '|' or one '||', got '{node}'.")
    terms = expanded(node.left)
    intercept = terms.intercept is not False
    slopes = tuple(term_text(term) for term in terms.products)
    if not intercept and not slopes:
        raise ValueError(
            f"a random term needs an effect on the left of '|', got '{node}'; "
            "write '1' for an intercept."
        )
    correlated = node.sign == "|"
    groups = [path[0] if len(path) == 1 else path for path in _paths(node.right, node)]
    return [Bar(group, slopes, intercept, correlated) for group in groups]


def _paths(group: Node, bar: Sign) -> list[tuple[str, ...]]:
    """Return the grouping columns of each term: for ``a/b`` those of a and of a:b."""
    if isinstance(group, Name):
        return [(group.column,)]
    if isinstance(group, Call) and group.function in SAME_LABELS:
        inner = group.inner
        if len(inner) == 1 and inner[0].kind in ("name", "quoted"):
            return [(inner[0].text,)]
    if isinstance(group, Sign) and group.sign in (":", "/") and group.left is not None:
        left, right = _paths(group.left, bar), _paths(group.right, bar)
        below = [left[-1] + path for path in right]
        return [*left, *below] if group.sign == "/" else below
    raise ValueError(
        f"a group is a column, a:b or a/b, got '{group}' in '{bar}'; write one random "
        "term per group and other groups as a column of the table."
    )
