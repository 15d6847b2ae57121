"""From the estimator's parameters to sizes, priors and schedule; checks on the way."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np

from flexcv._checks import check_choice, check_integer

from .search import Size

AUTO = ((2, 1), (4, 2), (10, 5))
AUTO_FACTORS = (1, 2, 4)  # in the first layer, and one in each deeper layer
FIRST_FACTORS = 4  # where the number is left open


def check_range(value: Any) -> tuple[float, float] | None:
    """Return a time range as two numbers, the smaller one first."""
    if value is None:
        return None
    try:
        lower, upper = (float(end) for end in value)
    except (TypeError, ValueError) as error:
        raise TypeError(f"`time_range` must be two numbers, got {value!r}.") from error
    if not lower < upper:
        raise ValueError(
            f"`time_range` must run from a smaller to a larger number, got {value!r}."
        )
    return lower, upper


def generator_from(random_state: Any) -> np.random.Generator:
    """Return a generator of a seed, of a generator, or of scikit-learn's older kind."""
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(2**31, size=4))
    return np.random.default_rng(random_state)


def mixture_sizes(
    n_components: Any, n_factors: Any, d: int, n_subjects: int
) -> tuple[Size, ...]:
    """Return the sizes to start from.

    Parameters
    ----------
    n_components
        Per layer, one number for a single layer, or ``"auto"``.
    n_factors
        Per layer, one number for a single layer, None, or ``"auto"``.
    d
        How many coefficients a curve has.
    n_subjects
        How many subjects there are.

    Examples
    --------
    >>> mixture_sizes((4, 2), None, 10, 50)
    (Size(n_components=(4, 2), n_factors=(4, 1)),)
    >>> [size.n_components for size in mixture_sizes("auto", None, 10, 8)]
    [(2, 1), (4, 2)]
    """
    if isinstance(n_components, str):
        check_choice("n_components", n_components, ["auto"])
        fitting: list[tuple[int, ...]]
        fitting = [found for found in AUTO if found[0] <= n_subjects] or [(1, 1)]
    else:
        asked = _per_layer("n_components", n_components)
        _require_subjects(asked, n_subjects)
        fitting = [asked]
    return tuple(
        Size(found, factors)
        for found in fitting
        for factors in _factors(n_factors, len(found), d)
    )


def _factors(n_factors: Any, n_layers: int, d: int) -> list[tuple[int, ...]]:
    """Return the numbers of factors to try."""
    deeper, most = (1,) * (n_layers - 1), max(1, d - 1)
    if n_factors is None:
        return [(min(FIRST_FACTORS, most), *deeper)]
    if isinstance(n_factors, str):
        check_choice("n_factors", n_factors, ["auto"])
        return [(first, *deeper) for first in AUTO_FACTORS if first <= most]
    return [_asked_factors(n_factors, n_layers, d)]


def _asked_factors(n_factors: Any, n_layers: int, d: int) -> tuple[int, ...]:
    asked = _per_layer("n_factors", n_factors)
    if len(asked) != n_layers:
        raise ValueError(
            "`n_factors` must have a number for each layer of `n_components`, got "
            f"{n_factors!r} for {n_layers} layer(s)."
        )
    for above, below in zip((d, *asked), asked, strict=False):
        if below > above:
            raise ValueError(
                f"`n_factors` must not grow from layer to layer nor exceed the {d} "
                f"coefficients of a curve, got {n_factors!r}; ask for fewer."
            )
    return asked


def _per_layer(name: str, value: Any) -> tuple[int, ...]:
    if isinstance(value, Integral):
        return (check_integer(name, value, 1),)
    if not isinstance(value, Sequence) or isinstance(value, str) or not len(value):
        raise TypeError(
            f"`{name}` must be a whole number or one for each layer, got {value!r}."
        )
    return tuple(check_integer(name, number, 1) for number in value)


def _require_subjects(n_components: tuple[int, ...], n_subjects: int) -> None:
    for layer, k in enumerate(n_components):
        if k > n_subjects:
            raise ValueError(
                f"`n_components` asks for {k} components in layer {layer + 1} and the "
                f"table has {n_subjects} subjects; ask for at most one per subject."
            )
