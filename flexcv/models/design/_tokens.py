"""The words and signs of a formula, and how they are written again.

Names are taken as they stand between the signs, so ``yield`` and ``größe`` are columns
like any other; a name that contains a sign goes between backticks, within which a
backslash keeps a backtick or a backslash.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

# The longest first.
SIGNS = r"%in%|%%|%/%|%\*%|\*\*|\|\||&&|==|!=|<=|>=|//|[-+*/^:|~()\[\]{},=<>!&%]"
TOKEN = re.compile(
    rf"""\s*(?:
      (?P<quoted>`(?:\\[`\\]|[^`])*`)
    | (?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
    | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?L?(?=$|[\s`'"]|{SIGNS}))
    | (?P<sign>{SIGNS})
    | (?P<name>(?:(?!{SIGNS})[^\s`'"])+)
    )""",
    re.VERBOSE,
)
CLOSING = {"(": ")", "[": "]", "{": "}"}
TIGHT = frozenset("([{)]},:") | {"="}


class Token(NamedTuple):
    """One word or sign: a quoted name, a string, a number, a sign or a plain name."""

    kind: str
    text: str

    def __str__(self) -> str:
        if self.kind == "quoted":
            return "`" + re.sub(r"([`\\])", r"\\\1", self.text) + "`"
        return self.text


def tokens_of(text: str) -> tuple[Token, ...]:
    """Return the tokens of a formula, whose brackets and quotes close.

    Examples
    --------
    >>> [token.text for token in tokens_of("x+I(`a b`^2)")]
    ['x', '+', 'I', '(', 'a b', '**', '2', ')']
    """
    found, place, end = [], 0, len(text.rstrip())
    while place < end:
        match = TOKEN.match(text, place)
        if match is None:
            raise _left_open(text)
        kind = str(match.lastgroup)
        found.append(_token(kind, match[kind]))
        place = match.end()
    _require_closed(found, text)
    return tuple(found)


def written_name(name: str) -> str:
    """Return a column's name as a formula writes it, in backticks where it must be.

    Examples
    --------
    >>> written_name("days"), written_name("a|b")
    ('days', '`a|b`')
    """
    first = TOKEN.match(name)
    if first and first["name"] == name and name != ".":
        return name
    return str(Token("quoted", name))


def written(tokens: Sequence[Token], gap: str = " ") -> str:
    """Return tokens as text, with `gap` around the signs between two values."""
    parts: list[str] = []
    for place, token in enumerate(tokens):
        before = tokens[place - 1] if place else None
        if token.kind == "sign" and token.text not in TIGHT:
            binary = before is not None and _ends_value(before)
            parts.append(f"{gap}{token}{gap}" if binary else str(token))
        elif before is not None and token.kind != "sign" and _ends_value(before):
            parts.append(f"{token}" if token.text[0] == "." else f" {token}")
        else:
            parts.append(", " if token.text == "," else str(token))
    return "".join(parts)


def _token(kind: str, text: str) -> Token:
    if kind == "quoted":
        return Token(kind, re.sub(r"\\([`\\])", r"\1", text[1:-1]))
    if kind == "sign" and text == "^":
        return Token(kind, "**")
    return Token(kind, text.removesuffix("L") if kind == "number" else text)


def _ends_value(token: Token) -> bool:
    return token.kind != "sign" or token.text in CLOSING.values()


def _require_closed(tokens: Sequence[Token], text: str) -> None:
    open_signs: list[str] = []
    for token in tokens:
        if token.kind != "sign":
            continue
        if token.text in CLOSING:
            open_signs.append(CLOSING[token.text])
        elif token.text in CLOSING.values() and (
            not open_signs or open_signs.pop() != token.text
        ):
            raise _left_open(text)
    if open_signs:
        raise _left_open(text)


def _left_open(text: str) -> ValueError:
    return ValueError(
        "formula could not be read: brackets and backticks must close, got "
        f"{text!r}; add the missing one."
    )
