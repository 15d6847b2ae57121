"""The functions of formulas: formulaic's, numpy's, and R's names for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from formulaic.transforms import TRANSFORMS
from formulaic.utils.stateful_transforms import stateful_transform
from scipy.interpolate import BSpline

from flexcv._checks import near_miss
from flexcv.arrays import FloatArray

CATEGORIES = ("C", "factor", "as.factor", "ordered", "as.ordered")
ORDERED = ("ordered", "as.ordered")
OFFSET = "offset"
CONSTANTS = {
    "TRUE": "True",
    "FALSE": "False",
    "NULL": "None",
    "True": "True",
    "False": "False",
    "None": "None",
    "pi": "np.pi",
    **{word: word for word in ("and", "or", "not", "in", "is", "if", "else")},
}
NUMPY = """
sqrt exp log1p expm1 log2 log10 abs sign floor ceil round maximum minimum where
sin cos tan arcsin arccos arctan sinh cosh tanh
"""
WAYS_OUT = {
    "mean": "write center(x), which keeps the training's mean",
    "sd": "write scale(x), which keeps the training's deviation",
    "var": "write scale(x), which keeps the training's deviation",
    "median": "make the column in the table",
    "min": "make the column in the table, so that new rows use the training's value",
    "max": "make the column in the table, so that new rows use the training's value",
    "cut": "make the column in the table, with pandas.cut",
    "relevel": "write C(x, Treatment('level'))",
    "interaction": "write a:b",
    "s": "write bs(x, df=5), a spline without a penalty",
    "te": "write bs(x, df=5):bs(z, df=5), splines without a penalty",
    "lo": "write bs(x, df=5), a spline without a penalty",
    "hashed": "make the column in the table",
    "cbind": "pass the counts of successes as `y` and the trials as `weights`",
    "offset": "add offset(x) as a term of the fixed part, or name a column in `offset`",
}


def numbers(values: Any) -> Any:
    """Return yes and no as one and zero, and whole numbers as floats; R's ``I``."""
    kind = getattr(getattr(values, "dtype", None), "kind", "")
    return values.astype(np.float64) if kind in ("b", "i", "u") else values


def logarithm(x: Any, base: float | None = None) -> Any:
    """Return R's ``log``, natural unless a base is named."""
    return np.log(x) if base is None else np.log(x) / np.log(base)


@stateful_transform  # type: ignore[untyped-decorator]
def natural_spline(
    x: Any,
    df: int | None = None,
    knots: Any = None,
    intercept: bool = False,
    _state: dict[str, Any] = {},  # noqa: B006  # formulaic passes the state
) -> FloatArray:
    """Return R's ``ns``: cubic splines that go on as lines outside training's range.

    Parameters
    ----------
    x
        Numbers.
    df
        Number of columns; their knots are quantiles of training.
    knots
        Inner knots in place of `df`.
    intercept
        Whether the constant is among the columns.
    """
    values = np.asarray(x, dtype=np.float64)
    if "ends" not in _state:
        inner = max((df or 1) - 1 - bool(intercept), 0)
        shares = np.linspace(0.0, 1.0, inner + 2)[1:-1]
        found = np.quantile(values, shares) if knots is None else np.atleast_1d(knots)
        _state["ends"] = (float(values.min()), float(values.max()))
        _state["knots"] = np.asarray(found, dtype=np.float64)
    low, high = _state["ends"]
    line = np.concatenate([[low] * 4, np.sort(_state["knots"]), [high] * 4])
    spline = BSpline(line, np.eye(len(line) - 4), 3)
    skipped = 0 if intercept else 1
    bends = spline(np.array([low, high]), nu=2)[:, skipped:]
    straight = np.linalg.qr(bends.T, mode="complete")[0][:, 2:]
    inside = np.clip(values, low, high)
    slopes = spline(inside, nu=1) * (values - inside)[:, None]
    return np.asarray((spline(inside) + slopes)[:, skipped:] @ straight)


def settings(
    contrasts: Any = None, *, levels: Any = None, ordered: bool = False
) -> dict[str, Any]:
    """Return what stands behind the column in ``C(column, ...)``."""
    return {"contrasts": contrasts, "levels": levels, "ordered": ordered}


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    **{name: getattr(np, name) for name in NUMPY.split()},
    **{name: TRANSFORMS[name] for name in TRANSFORMS if callable(TRANSFORMS[name])},
    "I": numbers,
    "log": logarithm,
    "ns": natural_spline,
    "settings": settings,
    "sequence": lambda *values: list(values),
}
RENAMED = {
    "c": "sequence",
    "ceiling": "ceil",
    "asin": "arcsin",
    "acos": "arccos",
    "atan": "arctan",
    "pmax": "maximum",
    "pmin": "minimum",
    "ifelse": "where",
    "as.numeric": "I",
    "as.integer": "floor",
    "contr.sum": "Sum",
    "contr.treatment": "Treatment",
    "contr.helmert": "Helmert",
    "contr.poly": "Poly",
    "sum": "Sum",
}
UNREAD = ("C", "hashed", "Q", "encode_contrasts", "np", "contr", "settings", "sequence")
NAMESPACE: Mapping[str, Any] = {**FUNCTIONS, "np": np, "contr": TRANSFORMS["contr"]}


def function_code(name: str, where: str) -> str:
    """Return the name by which Python calls a formula's function; refuse others."""
    code = RENAMED.get(name, name)
    if code in FUNCTIONS and name not in UNREAD:
        return code
    root, _, tail = name.partition(".")
    if root in ("np", "contr") and _found(NAMESPACE[root], tail):
        return name
    known = [*FUNCTIONS, *RENAMED, *CATEGORIES]
    way = f"; {WAYS_OUT[name]}." if name in WAYS_OUT else near_miss(name, known)
    hint = way or "; make the column in the table, or write np. before numpy's names."
    raise ValueError(f"{where} calls {name!r}, which formulas do not know{hint}")


def _found(module: Any, path: str) -> bool:
    for name in path.split("."):
        if name.startswith("_") or not hasattr(module, name):
            return False
        module = getattr(module, name)
    return True
