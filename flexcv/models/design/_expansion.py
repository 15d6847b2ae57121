"""From a tree to terms, and which categories of a term are coded by contrasts.

Both are R's rules, as ``terms.formula`` and ``model.matrix`` apply them, and hold in
the fixed part as in the random one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TypeAlias

from ._tree import Atom, Call, Name, Node, Number, Rest, Sign

Term: TypeAlias = tuple[Atom, ...]
FULL = "full"  # a column per level
CONTRASTS = "contrasts"  # those of the category, one column fewer
TREATMENT = "treatment"  # a column per level but the first


@dataclass(frozen=True, slots=True)
class Terms:
    """Products of columns and functions, in R's order: the shortest first.

    Attributes
    ----------
    products
        One tuple of factors per term.
    intercept
        Whether 1 or 0 was said last; None when neither was.
    """

    products: tuple[Term, ...] = ()
    intercept: bool | None = None

    def joined(self, other: Terms) -> Terms:
        """Return the terms of both."""
        return _terms([*self.products, *other.products], self, other)

    def without(self, other: Terms) -> Terms:
        """Take the other's terms away; refuse one that is not there."""
        gone = {frozenset(term) for term in other.products}
        missing = gone - {frozenset(term) for term in self.products}
        if missing:
            absent = ":".join(map(str, next(iter(missing))))
            raise ValueError(
                f"a formula can only take away terms it has, got '- {absent}'; put a "
                "name with a minus between backticks and a difference into I()."
            )
        kept = [term for term in self.products if frozenset(term) not in gone]
        said = None if other.intercept is None else not other.intercept
        return _terms(kept, self, Terms((), said))

    def crossed(self, other: Terms) -> Terms:
        """Return each product of a term with one of the other's."""
        pairs = [(*a, *b) for a in self.products for b in other.products]
        return _terms(pairs, self, other)


def expanded(node: Node, rest: Sequence[str] = ()) -> Terms:
    """Expand a tree into its terms.

    Parameters
    ----------
    node
        A tree without bars.
    rest
        The columns that ``.`` stands for.

    Examples
    --------
    >>> from ._tree import tree_of
    >>> [":".join(map(str, term)) for term in expanded(tree_of("a*b - 1")).products]
    ['a', 'b', 'a:b']
    """
    terms = _expanded(node, tuple(rest))
    ordered = sorted(terms.products, key=len)
    return Terms(tuple(ordered), terms.intercept)


def codings(
    terms: Sequence[Term], intercept: bool, is_category: Callable[[Atom], bool]
) -> list[tuple[str, ...]]:
    """Return how each factor of each term is coded, if it is a category.

    A category is coded by contrasts where its margin, the term without it, is part of
    an earlier term; the intercept is the margin of a category alone. In a formula
    without an intercept R codes the first category in full, whatever its margin. Where
    that makes columns redundant, a level is left out instead, which is the same model.

    Parameters
    ----------
    terms
        In the order of `Terms`.
    intercept
        Whether there is an intercept.
    is_category
        Tells which factors are categories.
    """
    found, is_first = [], not intercept
    for place, term in enumerate(terms):
        earlier = [set(other) for other in terms[:place]]
        coding = []
        for factor in term:
            margin = set(term) - {factor}
            has_margin = not margin or any(margin <= other for other in earlier)
            of_first = is_first and is_category(factor)
            coding.append(_coding(has_margin, of_first, alone=not margin))
            is_first = is_first and not of_first
        found.append(tuple(coding))
    return found


def _coding(has_margin: bool, is_first: bool, *, alone: bool) -> str:
    if not has_margin or (is_first and alone):
        return FULL
    return TREATMENT if is_first else CONTRASTS


def _expanded(node: Node, rest: tuple[str, ...]) -> Terms:
    if isinstance(node, Number):
        return _constant(node)
    if isinstance(node, Rest):
        return Terms(tuple((Name(column),) for column in rest))
    if not isinstance(node, Sign):
        return Terms(((node,),))
    if node.sign == "**":
        return _power(_expanded(_left(node), rest), node)
    left = Terms() if node.left is None else _expanded(node.left, rest)
    return _joined(node, left, _expanded(node.right, rest))


def _joined(node: Sign, left: Terms, right: Terms) -> Terms:
    if node.sign == "+":
        return left.joined(right)
    if node.sign == "-":
        return left.without(right)
    if node.sign == "*":
        return left.joined(right).joined(left.crossed(right))
    if node.sign == "/":
        whole: Term = tuple(factor for term in left.products for factor in term)
        return left.joined(Terms((whole,) if whole else ()).crossed(right))
    if node.sign in (":", "%in%"):
        return left.crossed(right)
    raise ValueError(
        f"{str(node)!r} stands where a term should; a bar belongs into brackets that "
        "are added, as in 'x + (1 | g)', and '~' behind the target."
    )


def _constant(node: Number) -> Terms:
    if node.text not in ("0", "1"):
        raise ValueError(
            f"a number between the signs of a formula is 0 or 1, got {node.text}; put "
            "arithmetic into I()."
        )
    return Terms((), node.text == "1")


def _power(base: Terms, node: Sign) -> Terms:
    power = node.right
    if not (isinstance(power, Number) and power.text.isdigit() and int(power.text)):
        raise ValueError(
            f"a power of terms is a whole number from 1 on, got {str(node)!r}; put "
            "arithmetic into I()."
        )
    steps = min(int(power.text), max(len(base.products), 1))  # more add no new term
    return reduce(
        lambda found, _: found.joined(found.crossed(base)), range(steps - 1), base
    )


def _left(node: Sign) -> Node:
    assert node.left is not None
    return node.left


def _terms(products: Sequence[Term], first: Terms, second: Terms) -> Terms:
    """Put products in order once each, factors once each; the last word counts."""
    distinct: dict[frozenset[Name | Call], Term] = {}
    for term in products:
        distinct.setdefault(frozenset(term), tuple(dict.fromkeys(term)))
    said = first.intercept if second.intercept is None else second.intercept
    return Terms(tuple(distinct.values()), said)
