"""Numbers without their last digits, which differ from processor to processor.

Linear algebra sums in another order on another processor, and its results differ in
the last digit or two. That is harmless until something discrete hangs on it: which of
two equal splits a tree takes, or which of two equal trials is the best. So numbers are
rounded before a tree sees them, and are told apart only beyond rounding.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from flexcv.arrays import FloatArray

GRID_BITS = 40  # of the spread of some numbers that their grid keeps
FEWEST_BITS = 30  # of it that are kept where exact sums would cost more
MANTISSA = 52  # binary places of a number that are sure to be exact
ALIKE = 1e-9  # numbers that differ by less, relative to their size, are alike


def on_grid(values: FloatArray, bits: int = GRID_BITS) -> FloatArray:
    """Round numbers to multiples of a power of two, far below their spread.

    The multiples are coarse enough for sums of these numbers to be exact, so that a sum
    is the same in any order. Numbers scaled by a power of two are rounded alike.

    Parameters
    ----------
    values
        Finite numbers.
    bits
        How many binary places of their spread are kept, fewer where there are so many
        numbers that sums would not be exact otherwise.

    Examples
    --------
    >>> values = on_grid(np.array([0.1, 0.2, 0.3, -0.6]))
    >>> float(values[0] + values[1] + values[2] + values[3])
    0.0
    >>> float(np.abs(values - [0.1, 0.2, 0.3, -0.6]).max()) < 1e-12
    True
    """
    spread = float(values.std()) if len(values) else 0.0
    if not 0.0 < spread < np.inf:
        return values
    exact = _exponent(float(np.abs(values).sum())) - MANTISSA
    kept = _exponent(spread)
    unit = np.ldexp(1.0, min(max(kept - bits, exact), kept - min(bits, FEWEST_BITS)))
    return np.asarray(np.rint(values / unit) * unit)


def power_of_two(values: FloatArray) -> float:
    """Return the power of two next above the largest size of some numbers.

    Numbers divided by it keep all their digits. Without a size above zero it is 1.

    Examples
    --------
    >>> power_of_two(np.array([0.0, -6.0])), power_of_two(np.zeros(3))
    (8.0, 1.0)
    """
    largest = float(np.abs(values).max(initial=0.0))
    return float(np.ldexp(1.0, _exponent(largest))) if 0.0 < largest < np.inf else 1.0


def significant(values: npt.ArrayLike, bits: int = FEWEST_BITS) -> FloatArray:
    """Keep the leading binary places of each number.

    Examples
    --------
    >>> significant([0.1 + 0.2, np.nan]) == significant([0.3, np.nan])
    array([ True, False])
    """
    mantissa, exponent = np.frexp(np.asarray(values, dtype=np.float64))
    return np.asarray(np.ldexp(np.rint(np.ldexp(mantissa, bits)), exponent - bits))


def first_least(losses: npt.ArrayLike, within: float | None = None) -> int:
    """Return the position of the first loss that is the least but for rounding.

    Parameters
    ----------
    losses
        Numbers, one at least.
    within
        By how much a loss may lie above the least; by default `ALIKE` of the least.

    Examples
    --------
    >>> first_least([2.0, 0.1 + 0.2, 0.3])
    1
    """
    values = np.asarray(losses, dtype=np.float64)
    least = float(values.min())
    reach = ALIKE * abs(least) if within is None else within
    return int((values <= least + reach).argmax())


def _exponent(size: float) -> int:
    """Return the power of two that is the next above a size."""
    return int(np.frexp(size)[1])
