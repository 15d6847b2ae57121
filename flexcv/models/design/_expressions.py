"""Arithmetic of columns in a formula: calculated in floats, with training's state.

A column travels to formulaic's evaluation under a name of ours, so that no letter of
its own name is read as code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import pandas as pd
from formulaic.utils.stateful_transforms import stateful_eval

from flexcv._checks import near_miss
from flexcv.arrays import BoolArray, FloatArray
from flexcv.models.design.validate import is_categorical, numeric_values
from flexcv.typing import UnknownLevels

from ._functions import CONSTANTS, NAMESPACE, function_code
from ._levels import category_levels, level_positions
from ._tokens import Token

NOT_PYTHON = {
    "!": "not in front",
    "&&": "& between comparisons in brackets",
    "||": "| between comparisons in brackets",
    "%%": "np.mod(a, b)",
    "%/%": "np.floor_divide(a, b)",
    "%*%": "the product's column in the table",
    "%in%": "np.isin(x, [1, 2])",
    "{": "round brackets",
    "~": "np.logical_not(x)",
}


class Source(Protocol):
    """The columns of one table, each checked and converted once."""

    table: pd.DataFrame
    unknown_levels: UnknownLevels

    def heed_unknown(self, is_unknown: BoolArray) -> None:
        """Note rows that cannot be predicted."""
        ...

    def once(self, key: object, make: Callable[[], Any]) -> Any:
        """Return what `make` gave the first time."""
        ...

    def values_of(self, name: Any) -> pd.Series:
        """Return numbers as floats and labels as they are."""
        ...


@dataclass(frozen=True, slots=True)
class Code:
    """Tokens as Python, in which the k-th column is called ``_column{k}``."""

    python: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Expression:
    """Numeric columns calculated from columns, as training learned to.

    Attributes
    ----------
    text
        The expression as the formula writes it.
    code
        The same as Python.
    suffixes
        What tells its columns apart, ``[1]`` and so on; one empty text for one.
    levels
        Of the categories it is calculated from, the levels that training showed.
    state
        What the functions remember of training.
    """

    text: str
    code: Code
    suffixes: tuple[str, ...]
    levels: Mapping[str, tuple[object, ...]] = field(compare=False)
    state: dict[str, Any] = field(compare=False)

    @property
    def names(self) -> tuple[str, ...]:
        """One name per column."""
        return tuple(f"{self.text}{suffix}" for suffix in self.suffixes)

    @property
    def used(self) -> tuple[Any, ...]:
        """The columns it is calculated from."""
        return self.code.columns

    def columns(self, source: Source) -> list[FloatArray]:
        """Return the columns for a table."""
        return list(source.once(("call", self.text), lambda: self._calculated(source)))

    def _calculated(self, source: Source) -> list[FloatArray]:
        # What an expression makes of a strange label says nothing, so it is refused.
        refuse = source.unknown_levels != "missing"
        for name, levels in self.levels.items():
            places = level_positions(source.table[name], levels, name, refuse=refuse)
            source.heed_unknown(places < 0)
        return list(_calculated(self.text, self.code, source, self.state).values())


def learn_expression(
    text: str, tokens: Sequence[Token], source: Source, where: str
) -> Expression:
    """Learn how to calculate an expression, on the training table.

    Parameters
    ----------
    text
        The expression as it is shown.
    tokens
        The expression.
    source
        The training table.
    where
        What the expression stands in, for messages.
    """
    table = source.table
    code = python_code(tokens, table, where)
    levels = {
        name: category_levels(table[name])
        for name in code.columns
        if is_categorical(table[name])
    }
    state: dict[str, Any] = {}
    found = _calculated(text, code, source, state)
    source.once(("call", text), lambda: list(found.values()))
    return Expression(text, code, tuple(found), levels, state)


def python_code(tokens: Sequence[Token], table: pd.DataFrame, where: str) -> Code:
    """Return tokens as Python, every name checked."""
    columns: dict[str, str] = {}
    parts = []
    for place, token in enumerate(tokens):
        after = tokens[place + 1].text if place + 1 < len(tokens) else ""
        if token.kind == "sign":
            parts.append(_sign(token.text, where))
        elif token.kind == "quoted":
            parts.append(_column(token.text, table, columns, where))
        elif token.kind == "name" and not _is_keyword(tokens, place):
            parts.append(_name(token.text, after == "(", table, columns, where))
        else:
            parts.append(token.text)
    return Code(" ".join(parts), tuple(columns))


def evaluated(code: str, values: dict[str, Any], state: dict[str, Any]) -> Any:
    """Evaluate Python whose names have been checked."""
    with np.errstate(all="ignore"):  # what is not finite is refused by name
        return stateful_eval(code, {**NAMESPACE, **values}, {}, state, None)


def _is_keyword(tokens: Sequence[Token], place: int) -> bool:
    after = tokens[place + 1 : place + 2]
    before = tokens[place - 1].text if place else ""
    return bool(after) and after[0] == ("sign", "=") and before in ("(", ",")


def _sign(text: str, where: str) -> str:
    if text in NOT_PYTHON:
        raise ValueError(
            f"{where} has the sign {text!r} inside a function, where it is not read; "
            f"write {NOT_PYTHON[text]}."
        )
    return text


def _name(
    text: str,
    is_function: bool,
    table: pd.DataFrame,
    columns: dict[str, str],
    where: str,
) -> str:
    """Return a name as Python: a column or its method, a constant, a function."""
    root = _column_root(text, table, below=is_function)
    if root is not None:
        return _column(root, table, columns, where) + text[len(root) :]
    if text.startswith("."):
        return text
    if text in CONSTANTS and not is_function:
        return CONSTANTS[text]
    if is_function or text.split(".")[0] in NAMESPACE:
        return function_code(text, where)
    return _column(text, table, columns, where)


def _column_root(text: str, table: pd.DataFrame, *, below: bool) -> str | None:
    """Return the column in ``column`` or, for a method, in ``column.method``."""
    parts = text.split(".")
    for k in range(len(parts) - below, 0, -1):
        root = ".".join(parts[:k])
        if root in table.columns and not any(p.startswith("_") for p in parts[k:]):
            return root
    return None


def _column(name: str, table: pd.DataFrame, columns: dict[str, str], where: str) -> str:
    require_named(name, table, where)
    return columns.setdefault(name, f"_column{len(columns)}")


def require_named(name: Any, table: pd.DataFrame, where: str) -> None:
    """Refuse a name that is no column of the table."""
    if name not in table.columns:
        hint = near_miss(name, table.columns) or "; check the name."
        raise ValueError(
            f"{where} names column {name!r}, which is not in the table{hint}"
        )


def _calculated(
    text: str, code: Code, source: Source, state: dict[str, Any]
) -> dict[str, FloatArray]:
    """Calculate an expression's columns, each with what its name ends in."""
    values = {
        f"_column{k}": source.values_of(name) for k, name in enumerate(code.columns)
    }
    try:
        found = _columns_of(evaluated(code.python, values, state), len(source.table))
        columns = {key: pd.Series(value, dtype=float) for key, value in found.items()}
    except Exception as error:  # whatever a function may raise
        way = "check its arguments, or make the column in the table."
        if " & " in code.python or " | " in code.python:
            way = "put comparisons between & and |, as in (a == 1) & (b > 2)."
        raise ValueError(
            f"formula term {text!r} could not be calculated: {error}; {way}"
        ) from error
    return {
        suffix: np.ascontiguousarray(numeric_values(column, f"{text}{suffix}"))
        for suffix, column in columns.items()
    }


def _columns_of(value: Any, n_rows: int) -> dict[str, Any]:
    names = getattr(
        getattr(value, "__formulaic_metadata__", None), "column_names", None
    )
    value = getattr(value, "__wrapped__", value)
    if isinstance(value, dict):
        return {f"[{name}]": np.asarray(column) for name, column in value.items()}
    array = np.asarray(value)
    if array.ndim == 2:
        labels = names or range(1, array.shape[1] + 1)
        return {f"[{name}]": v for name, v in zip(labels, array.T, strict=True)}
    return {"": np.broadcast_to(array, n_rows) if array.ndim == 0 else array}
