"""A formula as a tree: R's signs in R's order of strength.

From the weakest to the strongest: ``~``, ``|``, ``+ -``, ``* /``, ``%in%``, ``:`` and
``^``. What stands between the brackets of a function is arithmetic and stays tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from ._tokens import CLOSING, Token, tokens_of, written, written_name

BARS = ("|", "||")
STRENGTHS = (("~",), BARS, ("+", "-"), ("*", "/"), ("%in%",), (":",), ("**",))
SUM = 2  # the place of "+" in STRENGTHS, where a sign may stand before the first term
STRENGTH = {sign: place for place, signs in enumerate(STRENGTHS) for sign in signs}


@dataclass(frozen=True, slots=True)
class Name:
    """A column; ``.`` unquoted is a name of its own, `Rest`."""

    column: str

    def __str__(self) -> str:
        return written_name(self.column)


@dataclass(frozen=True, slots=True)
class Rest:
    """``.``: every feature."""

    def __str__(self) -> str:
        return "."


@dataclass(frozen=True, slots=True)
class Number:
    """A number between the signs, of which only 0, 1 and powers have a meaning."""

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Call:
    """A function of columns, as the tokens from its name to its last bracket."""

    tokens: tuple[Token, ...]

    @property
    def function(self) -> str:
        """The function's name."""
        return self.tokens[0].text

    @property
    def inner(self) -> tuple[Token, ...]:
        """The tokens between its brackets."""
        return self.tokens[2:-1]

    def __str__(self) -> str:
        return written(self.tokens)


@dataclass(frozen=True, slots=True)
class Sign:
    """Two parts joined by a sign; a sign before the first term has no left part."""

    sign: str
    left: Node | None
    right: Node

    @property
    def is_bar(self) -> bool:
        """Whether it is ``effects | group``."""
        return self.sign in BARS

    def __str__(self) -> str:
        right = _in_brackets(self.right, STRENGTH[self.sign], of_right=True)
        sign = self.sign.replace("**", "^")
        if self.left is None:
            return f"{sign}{right}"
        left = _in_brackets(self.left, STRENGTH[self.sign])
        both = f"{left}:{right}" if sign == ":" else f"{left} {sign} {right}"
        return f"({both})" if self.is_bar else both


Atom: TypeAlias = Name | Call
Node: TypeAlias = Name | Rest | Number | Call | Sign


def names_in(node: Node) -> set[str] | None:
    """Return every name that may be a column's; None where ``.`` stands for all.

    Parameters
    ----------
    node
        A tree.
    """
    if isinstance(node, Rest):
        return None
    if isinstance(node, Name):
        return {node.column}
    if isinstance(node, Call):
        return {name for token in node.tokens for name in _roots(token)}
    if isinstance(node, Number):
        return set()
    sides = [names_in(s) for s in (node.left, node.right) if s is not None]
    given = [side for side in sides if side is not None]
    return set().union(*given) if len(given) == len(sides) else None


def _roots(token: Token) -> list[str]:
    """Return the name and, for ``column.method``, what stands before its points."""
    parts = token.text.split(".")
    return [".".join(parts[:k]) for k in range(1, len(parts) + 1)]


@lru_cache(maxsize=256)
def tree_of(text: str) -> Node:
    """Return the tree of a formula or of a part of one.

    Examples
    --------
    >>> print(tree_of("y~x*(f+ `a b`)-1"))
    y ~ x * (f + `a b`) - 1
    """
    return _Reader(tokens_of(text), text).whole()


class _Reader:
    """Goes through the tokens once, by recursive descent."""

    def __init__(self, tokens: tuple[Token, ...], text: str) -> None:
        self.tokens = tokens
        self.text = text
        self.place = 0
        self.depth = 0

    def whole(self) -> Node:
        """Read everything."""
        if self.tokens and self.tokens[0] == ("sign", "~"):
            self.place = 1
        tree = self._signs(0)
        if self.place < len(self.tokens):
            self._refuse(f"a sign between two terms, got {str(self._next())!r}")
        return tree

    def _signs(self, level: int) -> Node:
        """Read what is joined by signs of this strength or a greater one."""
        if level == len(STRENGTHS):
            return self._operand()
        left = None if level == SUM and self._is_sign("+-") else self._signs(level + 1)
        while (token := self._next()) and self._is_sign(STRENGTHS[level]):
            self.place += 1
            if token.text in BARS:
                self._require_sides()
            power = STRENGTHS[level] == ("**",)  # groups to the right
            right = self._signs(level if power else level + 1)
            left = Sign(token.text, left, right)
        assert left is not None
        return left

    def _operand(self) -> Node:
        token = self._next()
        if token is None:
            return self._refuse("a term behind the last sign")
        self.place += 1
        if token.kind == "number" and not self._is_word():
            return Number(token.text)
        if token.kind in ("name", "number"):
            return self._name(token)
        return Name(token.text) if token.kind == "quoted" else self._signed(token)

    def _signed(self, token: Token) -> Node:
        """Read brackets, braces, or a sign before a term."""
        if token == ("sign", "("):
            return self._bracketed()
        if token == ("sign", "{"):
            return self._braces()
        if token.kind == "sign" and token.text in "+-":
            return Sign(token.text, None, self._signs(SUM + 1))
        return self._refuse(f"a column or a function, got {str(token)!r}")

    def _bracketed(self) -> Node:
        self.depth += 1
        inner = self._signs(1)
        self.depth -= 1
        if not self._is_sign(")"):
            self._refuse(f"a sign between two terms, got {str(self._next())!r}")
        self.place += 1
        return inner

    def _name(self, first: Token) -> Node:
        """Read a column of one word or of many, or a function with its brackets."""
        start = self.place - 1
        if self._is_sign("(["):
            return self._call(start)
        words = [first.text]
        while self._is_word():
            words.append(self.tokens[self.place].text)
            self.place += 1
        name = " ".join(words)
        return Rest() if name == "." else Name(name)

    def _call(self, start: int) -> Node:
        """Read brackets and what follows them, such as ``.round()``."""
        while True:
            if self._is_sign("(["):
                self._skip_brackets()
            elif (
                (token := self._next())
                and token.kind == "name"
                and token.text[0] == "."
            ):
                self.place += 1
            else:
                break
        return _call_of(self.tokens[start : self.place])

    def _skip_brackets(self) -> None:
        depth = 0
        while True:
            token = self.tokens[self.place]
            if token.kind == "sign":
                depth += (token.text in CLOSING) - (token.text in CLOSING.values())
            self.place += 1
            if depth == 0:
                return

    def _braces(self) -> Node:
        """Read ``{x + 1}`` as ``I(x + 1)``."""
        self.place -= 1
        start = self.place
        self._skip_brackets()
        inner = self.tokens[start + 1 : self.place - 1]
        return Call(
            (Token("name", "I"), Token("sign", "("), *inner, Token("sign", ")"))
        )

    def _next(self) -> Token | None:
        return self.tokens[self.place] if self.place < len(self.tokens) else None

    def _is_sign(self, signs: str | tuple[str, ...]) -> bool:
        token = self._next()
        return token is not None and token.kind == "sign" and token.text in signs

    def _is_word(self) -> bool:
        token = self._next()
        return token is not None and token.kind in ("name", "number")

    def _require_sides(self) -> None:
        """Refuse a bar outside brackets, and one without a group."""
        if self.depth == 0:
            raise ValueError(
                "each random term must read '(effects | group)', got a bar outside "
                f"brackets in {self.text!r}; write for example '(1 + days | subject)'."
            )
        if self._is_sign(")"):
            raise ValueError(
                "a random term needs a group on the right of '|', got none in "
                f"{self.text!r}; name a column."
            )

    def _refuse(self, expected: str) -> Node:
        raise ValueError(
            f"formula {self.text!r} must have {expected}; names with signs go between "
            "backticks and arithmetic into I()."
        )


def _call_of(tokens: tuple[Token, ...]) -> Node:
    """Return a call; ``Q("name")`` is a column."""
    if tokens[0].text == "Q" and len(tokens) == 4 and tokens[2].kind == "string":
        return Name(tokens[2].text[1:-1])
    return Call(tokens)


def _in_brackets(node: Node, outer: int, *, of_right: bool = False) -> str:
    """Write a part, in brackets where the sign around it is the stronger one."""
    if not isinstance(node, Sign) or node.is_bar:
        return str(node)
    inner = STRENGTH[node.sign]
    groups_right = outer == STRENGTH["**"]
    loose = inner < outer or (inner == outer and of_right != groups_right)
    bare = not loose and not (node.left is None and (of_right or outer > SUM))
    return str(node) if bare else f"({node})"
