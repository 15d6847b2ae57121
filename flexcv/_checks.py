"""Argument checks with one form of message: expected, came, what to do."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any, Literal

RULES = ("youden", "inner")  # that choose a threshold inside a fold
# Arguments of `fit` for a table beside the training rows.
BESIDE_TRAINING = ("eval_set", "eval_X", "X_val", "X_valid", "validation_data")


def near_miss(name: object, known: Iterable[object]) -> str:
    """Return `; did you mean 'x'?` when `name` is close to a known one, else ``""``."""
    options = list(dict.fromkeys(known))
    begun = [option for option in options if str(option).startswith(str(name))]
    if len(begun) > 1:
        return f"; did you mean {' or '.join(repr(option) for option in begun)}?"
    lowered = {str(option).lower(): option for option in options}
    close = difflib.get_close_matches(str(name).lower(), lowered, n=1, cutoff=0.6)
    return f"; did you mean {lowered[close[0]]!r}?" if close else ""


def check_choice(
    name: str, value: object, known: Iterable[str], *, otherwise: str = ""
) -> str:
    """Return `value` when it is one of the known words.

    Parameters
    ----------
    name
        The argument.
    value
        What came.
    known
        The words.
    otherwise
        What else is taken, such as ``" or a number"``.
    """
    options = list(known)
    if not isinstance(value, str) or value not in options:
        listed = ", ".join(repr(option) for option in options)
        among = f"one of {listed}" if len(options) > 1 else listed
        hint = near_miss(value, options)
        hint = hint or ("; choose one of them." if len(options) > 1 else ".")
        raise ValueError(f"`{name}` must be {among}{otherwise}, got {value!r}{hint}")
    return value


def check_integer(name: str, value: object, minimum: int) -> int:
    """Return `value` as an int when it is a whole number of at least `minimum`."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"`{name}` must be a whole number, got {value!r}.")
    if value < minimum:
        raise ValueError(f"`{name}` must be at least {minimum}, got {value!r}.")
    return int(value)


def check_number(name: str, value: object, minimum: float) -> float:
    """Return `value` as a float when it is a number of at least `minimum`."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"`{name}` must be a number, got {value!r}.")
    number = float(value)
    if not number >= minimum:
        raise ValueError(f"`{name}` must be at least {minimum}, got {value!r}.")
    return number


def check_interval(
    name: str,
    value: object,
    low: float,
    high: float = math.inf,
    *,
    closed: Literal["left", "right", "both", "neither"] = "left",
) -> float:
    """Return `value` as a float when it is a number of an interval.

    Parameters
    ----------
    name
        The argument.
    value
        What came.
    low, high
        The ends of the interval.
    closed
        Which ends belong to it.
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"`{name}` must be a number, got {value!r}.")
    number = float(value)
    has_low, has_high = closed in {"left", "both"}, closed in {"right", "both"}
    is_above = number >= low if has_low else number > low
    is_below = number <= high if has_high else number < high
    if not (is_above and is_below):
        ends = "[" if has_low else "(", "]" if has_high else ")"
        raise ValueError(
            f"`{name}` must lie in {ends[0]}{low:g}, {high:g}{ends[1]}, got {value!r}."
        )
    return number


def check_flag(name: str, value: object) -> bool:
    """Return `value` when it is True or False."""
    if not isinstance(value, bool):
        raise TypeError(f"`{name}` must be True or False, got {value!r}.")
    return value


def check_text(name: str, value: object) -> str:
    """Return `value` when it is a string."""
    if not isinstance(value, str):
        raise TypeError(f"`{name}` must be a string, got {type(value).__name__}.")
    return value


def check_mapping(name: str, value: Any) -> dict[str, Any]:
    """Return a copy of `value` as a dictionary with string keys; None is empty."""
    if value is None:
        return {}
    if not hasattr(value, "items"):
        raise TypeError(
            f"`{name}` must be a dictionary, got {type(value).__name__}; "
            "pass names and values as {'name': value}."
        )
    mapping = dict(value.items())
    odd = next((key for key in mapping if not isinstance(key, str)), None)
    if odd is not None:
        raise TypeError(f"the keys of `{name}` must be strings, got {odd!r}.")
    return mapping


def as_names(name: str, value: str | Iterable[str]) -> tuple[str, ...]:
    """Return one name or several as a tuple."""
    if isinstance(value, str):
        return (value,)
    names = tuple(value)
    odd = next((entry for entry in names if not isinstance(entry, str)), None)
    if odd is not None:
        raise TypeError(f"`{name}` must be a name or names, got {odd!r}.")
    return names


def listed(names: Sequence[object], most: int = 5) -> str:
    """Return the first names, quoted, and say how many more there are.

    Examples
    --------
    >>> listed(["a", "b", "c"], most=2)
    "'a', 'b' and 1 more"
    """
    shown = ", ".join(repr(name) for name in names[:most])
    rest = len(names) - most
    return f"{shown} and {rest} more" if rest > 0 else shown


def check_early_stopping(early_stopping: object) -> float | None:
    """Refuse what is neither a share of the groups nor a number of them."""
    value = early_stopping
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(
            "`early_stopping` must be a share of the training groups or a number of "
            f"them, got {value!r}; 0.2 holds out a fifth."
        )
    number = float(value)
    if isinstance(value, Integral) and number >= 1.0:
        return int(number)
    if 0.0 < number < 1.0:
        return number
    raise ValueError(
        "`early_stopping` must lie between 0 and 1, or be a whole number of groups, "
        f"got {value!r}; 0.2 holds out a fifth."
    )


def check_threshold(threshold: object) -> float | str | None:
    """Refuse what is neither a probability nor a rule that chooses one."""
    if threshold is None:
        return None
    if isinstance(threshold, str):
        return str(check_choice("threshold", threshold, RULES))
    number = check_number("threshold", threshold, 0.0)
    if not 0.0 < number < 1.0:
        raise ValueError(
            "`threshold` must lie between 0 and 1, or be 'youden' or 'inner', got "
            f"{threshold!r}; 0.5 is where most models stand."
        )
    return number


def refuse_tables(model: str, fit_params: Mapping[str, Any]) -> None:
    """Refuse tables beside the training rows: nothing scales or splits them."""
    for name, value in fit_params.items():
        if name.rpartition("__")[2] in BESIDE_TRAINING or _holds_tables(value):
            raise ValueError(
                f"model {model!r}: `fit_kwargs[{name!r}]` holds a table that would "
                "reach the model unscaled and may hold test rows; pass "
                "early_stopping=0.2 to add_model, which holds out a fifth of the "
                "groups that each fold trains on."
            )


def _holds_tables(value: Any) -> bool:
    """Whether a list holds tables, at any depth, as (table, target) pairs do."""
    if not isinstance(value, list | tuple):
        return False
    return any(_holds_tables(v) or len(getattr(v, "shape", ())) == 2 for v in value)
