"""Axes, colours and small parts that the pictures share."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from .shown import new_axes, new_row

INK = "#757575"  # text and lines: contrast of 4.6 on white, 3.6 on #1e1e1e
# Okabe and Ito's colours, which colour-blind readers tell apart, the blue a little
# lighter; first come those that are strong enough on white and on black.
COLOURS = ("#1f83c4", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
MARKERS = ("o", "s", "^", "D", "v", "P")
ROW_HEIGHT = 0.32  # inches for each named row
MANY_POINTS = 2000  # from here on points are drawn as pixels, so that files stay small


def axes_or_new(ax: Axes | None, height: float = 4.0, width: float = 6.4) -> Axes:
    """Return `ax`, or axes on a figure of their own, readable on light and dark."""
    if ax is not None:
        return ax
    return in_style(new_axes(width, height))


def row_or_new(
    axes: Any, number: int, width: float = 4.4, height: float = 3.4
) -> list[Axes]:
    """Return the axes that came, or new ones side by side.

    Parameters
    ----------
    axes
        What came, in a list or an array; None makes new ones.
    number
        How many pictures there are.
    width, height
        Of each new picture, in inches.
    """
    if axes is None:
        row = new_row(number, width, height)
        for ax in row:
            in_style(ax)
        return row
    shown = list(np.ravel(np.asarray(axes, dtype=object)))
    if len(shown) < number:
        raise ValueError(
            f"`axes` must hold {number} axes, got {len(shown)}; pass None to make them."
        )
    return shown


def in_style(ax: Axes) -> Axes:
    """Give axes the ink of all pictures, which light and dark pages both show."""
    ax.set_facecolor("none")
    ax.set_prop_cycle(color=COLOURS)
    ax.tick_params(color=INK, labelcolor=INK)
    for text in (ax.title, ax.xaxis.label, ax.yaxis.label):
        text.set_color(INK)
    for side, spine in ax.spines.items():
        spine.set_color(INK)
        spine.set_visible(side in ("left", "bottom"))
    return ax


def rows_height(n_rows: int) -> float:
    """Height of a figure with one line of text for each row."""
    return max(1.6, 0.9 + ROW_HEIGHT * n_rows)


def name_rows(ax: Axes, names: Sequence[Hashable]) -> None:
    """Write names along the y axis, the first on top."""
    ax.set_yticks(range(len(names)), [str(name) for name in names])
    ax.set_ylim(len(names) - 0.5, -0.5)


def zero_line(ax: Axes) -> None:
    """Draw the dashed vertical line of no effect."""
    ax.axvline(0.0, color=INK, linestyle="--", linewidth=1.0, zorder=0)


def colour(number: int) -> str:
    """Return the colour of the model with this number."""
    return COLOURS[number % len(COLOURS)]


def marker(number: int) -> str:
    """Return the marker of the model with this number."""
    return MARKERS[(number + number // len(COLOURS)) % len(MARKERS)]


def add_note(ax: Axes, text: str) -> None:
    """Write a line above the picture, in the colour of its labels."""
    label = ax.xaxis.label
    ax.set_title(
        text, loc="left", color=label.get_color(), fontsize=label.get_fontsize()
    )


def add_legend(ax: Axes, names: Sequence[Any]) -> None:
    """Name the models where there are several."""
    if len(names) > 1:
        legend = ax.legend(frameon=False, labelcolor=ax.xaxis.label.get_color())
        for handle in legend.legend_handles:
            if handle is not None:
                handle.set_alpha(1.0)


def models_of(frame: pd.DataFrame) -> list[Any]:
    """Return the models of a frame, in their order."""
    return list(dict.fromkeys(frame["model"]))


def check_columns(name: str, frame: pd.DataFrame, columns: Iterable[str]) -> None:
    """Refuse a frame without the columns that the picture shows."""
    missing = [column for column in columns if column not in frame]
    if missing:
        raise ValueError(
            f"`{name}` must have the column {missing[0]!r}, got "
            f"{', '.join(map(repr, frame.columns))}; pass the tidy frame."
        )
    if frame.empty:
        raise ValueError(
            f"`{name}` must have rows, got none; there is nothing to draw."
        )


def pick(name: str, frame: pd.DataFrame, column: str, value: Any) -> pd.DataFrame:
    """Keep the rows that have `value`; the only or first value when it is None."""
    known = list(dict.fromkeys(frame[column]))
    if value is None:
        value = known[0]
    if value not in known:
        raise ValueError(
            f"`{name}` must be one of {', '.join(map(repr, known))}, got {value!r}."
        )
    return frame[frame[column].eq(value)]


def spread(n_points: int, width: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return small offsets, the same on every call, that keep points apart."""
    if n_points < 2:
        return np.zeros(n_points)
    return np.linspace(-width, width, n_points)
