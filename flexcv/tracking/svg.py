"""Small charts as SVG text: points, lines and steps on plain axes.

A run has a chart of residuals and one of tuning for every fold. A plotting library
takes 65 ms for each, this a millisecond: watching a run must cost next to nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Literal, NamedTuple

import numpy as np

from flexcv.arrays import FloatArray

WIDTH, HEIGHT = 380, 270  # of a panel, in pixels
LEFT, RIGHT, TOP, BOTTOM = 62, 14, 14, 44  # margins around the axes
TITLE, LEGEND_ROW = 24, 20  # heights
LETTER = 7.2  # width of a letter, about
INK, FRAME = "#555", "#999"
# Okabe and Ito's colours, as in `flexcv.plots`
COLOURS = ("#1f83c4", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
TICKS = 5  # about so many on an axis
STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
MOST_POINTS = 1500  # of a curve; more cover each other
SLACK = 0.05  # of the range, left free at both ends
Kind = Literal["points", "line", "steps"]


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """One series of points and how to draw it.

    Parameters
    ----------
    x, y
        Numbers of equal length; pairs that are not finite are left out.
    kind
        Draw ``"points"``, a ``"line"`` through them, or ``"steps"``.
    colour
        The number of a colour.
    label
        Its name in the legend; empty is not shown.
    """

    x: Any
    y: Any
    kind: Kind = "points"
    colour: int = 0
    label: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """Axes with curves on them.

    Parameters
    ----------
    x_label, y_label
        What the axes show.
    curves
        What is drawn.
    rule
        A thin line for the eye: ``"zero"`` is y = 0, ``"identity"`` is y = x.
    rows
        Names of the rows at y = 0, 1, ..., the first on top; empty is a numeric axis.
    """

    x_label: str
    y_label: str
    curves: tuple[Curve, ...]
    rule: Literal["", "zero", "identity"] = ""
    rows: tuple[str, ...] = ()


class _Frame(NamedTuple):
    """Where a panel's axes lie, and what they span."""

    left: float
    right: float
    top: float
    bottom: float
    x: tuple[float, float]
    y: tuple[float, float]

    def across(self, values: Any) -> Any:
        low, high = self.x
        return self.left + (values - low) / (high - low) * (self.right - self.left)

    def down(self, values: Any) -> Any:
        low, high = self.y
        return self.bottom - (values - low) / (high - low) * (self.bottom - self.top)


def picture(title: str, panels: Sequence[Panel]) -> str:
    """Draw panels side by side, below a title; curves with a label are named below.

    Examples
    --------
    >>> drawn = picture("fold 0", [Panel("x", "y", (Curve([1, 2], [3, 4]),))])
    >>> drawn.startswith("<svg ") and "fold 0" in drawn
    True
    """
    names = _legend(panels)
    width = sum(map(_width, panels))
    rows, legend = _legend_rows(names, width)
    height = TITLE + HEIGHT + LEGEND_ROW * rows
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' "
        f"width='{width}' height='{height}' font-family='system-ui,sans-serif' "
        f"font-size='12' fill='{INK}' role='img' aria-label='{_text(title)}'>",
        f"<rect width='{width}' height='{height}' fill='#fff'/>",
        _label(width / 2, 17, title, "middle", "font-size='13'"),
    ]
    start = 0
    for panel in panels:
        parts += _drawn(panel, start)
        start += _width(panel)
    return "\n".join([*parts, *legend, "</svg>\n"])


def _drawn(panel: Panel, start: int) -> Iterable[str]:
    points = [_finite(curve) for curve in panel.curves]
    frame = _frame(panel, start, points)
    yield from _axes(panel, frame)
    for curve, (x, y) in zip(panel.curves, points, strict=True):
        if len(x):
            yield _path(curve, frame.across(x), frame.down(y))


def _finite(curve: Curve) -> tuple[FloatArray, FloatArray]:
    """Return the pairs worth drawing: finite ones, and not too many points."""
    x, y = (np.asarray(values, dtype=float) for values in (curve.x, curve.y))
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    step = -(-len(x) // MOST_POINTS) or 1
    return x[::step], y[::step]


def _frame(
    panel: Panel, start: int, points: Sequence[tuple[FloatArray, FloatArray]]
) -> _Frame:
    across = _span(np.concatenate([x for x, _ in points] or [np.zeros(0)]))
    down = _span(np.concatenate([y for _, y in points] or [np.zeros(0)]))
    if panel.rule == "identity":
        across = down = min(across[0], down[0]), max(across[1], down[1])
    if panel.rule == "zero":
        down = min(down[0], 0.0), max(down[1], 0.0)
    if panel.rows:
        down = len(panel.rows) - 0.5, -0.5
    left = start + _margin(panel)
    right = start + _width(panel) - RIGHT
    return _Frame(left, right, TITLE + TOP, TITLE + HEIGHT - BOTTOM, across, down)


def _span(values: FloatArray) -> tuple[float, float]:
    """Return what an axis covers: the values and a little more."""
    if not len(values):
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    free = SLACK * (high - low) or abs(low) * SLACK or 1.0
    return low - free, high + free


def _margin(panel: Panel) -> int:
    longest = max(map(len, panel.rows), default=0)
    return max(LEFT, int(LETTER * longest) + 16)


def _width(panel: Panel) -> int:
    return WIDTH - LEFT + _margin(panel)


def _axes(panel: Panel, frame: _Frame) -> Iterable[str]:
    left, right, top, bottom, *_ = frame
    yield (
        f"<path d='M{left} {top}V{bottom}H{right}' fill='none' stroke='{FRAME}'/>"
        f"{_rule(panel, frame)}"
    )
    for value, text in _ticks(frame.x):
        x = float(frame.across(value))
        yield f"<path d='M{x:.1f} {bottom}v4' stroke='{FRAME}'/>"
        yield _label(x, bottom + 17, text, "middle")
    named = enumerate(panel.rows) if panel.rows else _ticks(frame.y)
    for value, text in named:
        y = float(frame.down(value))
        yield f"<path d='M{left} {y:.1f}h-4' stroke='{FRAME}'/>"
        yield _label(left - 7, y + 4, text, "end")
    yield _label((left + right) / 2, bottom + 36, panel.x_label, "middle")
    if not panel.rows:
        turned = f"transform='rotate(-90 {left - 48} {(top + bottom) / 2})'"
        yield _label(left - 48, (top + bottom) / 2, panel.y_label, "middle", turned)


def _rule(panel: Panel, frame: _Frame) -> str:
    if not panel.rule:
        return ""
    ends = (0.0, 0.0) if panel.rule == "zero" else frame.x
    low, high = (float(frame.down(end)) for end in ends)
    path = f"M{frame.left} {low:.1f}L{frame.right} {high:.1f}"
    return f"<path d='{path}' stroke='{FRAME}' stroke-dasharray='4 3'/>"


def _ticks(span: tuple[float, float]) -> Iterable[tuple[float, str]]:
    """Return round numbers inside a span and how they are written.

    Examples
    --------
    >>> [text for _, text in _ticks((-0.1, 2.2))]
    ['0', '0.5', '1', '1.5', '2']
    """
    low, high = span
    raw = (high - low) / TICKS
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(size * power for size in STEPS if size * power >= raw * (1 - 1e-9))
    for number in range(math.ceil(low / step), math.floor(high / step) + 1):
        value = number * step
        yield value, f"{value:.6g}"


def _path(curve: Curve, x: FloatArray, y: FloatArray) -> str:
    pairs = zip(x.tolist(), y.tolist(), strict=True)
    if curve.kind == "points":
        dots = "".join([f"M{a:.1f} {b:.1f}h0" for a, b in pairs])
        how = "stroke-width='5' stroke-linecap='round' stroke-opacity='.6'"
    elif curve.kind == "steps":
        corners = [f"H{a:.1f}V{b:.1f}" for a, b in pairs]
        dots = f"M{x[0]:.1f} {y[0]:.1f}" + "".join(corners)
        how = "stroke-width='1.6'"
    else:
        dots = "M" + "L".join([f"{a:.1f} {b:.1f}" for a, b in pairs])
        how = "stroke-width='1.6'"
    return f"<path d='{dots}' fill='none' stroke='{_colour(curve.colour)}' {how}/>"


def _colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]


def _legend(panels: Iterable[Panel]) -> dict[str, int]:
    """Return each label the number of its colour, once for all panels."""
    curves = (curve for panel in panels for curve in panel.curves)
    return {curve.label: curve.colour for curve in curves if curve.label}


def _legend_rows(names: dict[str, int], width: float) -> tuple[int, list[str]]:
    """Write names in rows below the panels; give how many rows and their marks."""
    x, row, marks = 20.0, 0, []
    for name, colour in names.items():
        needed = 34 + LETTER * len(name)
        if x + needed > width and x > 20.0:
            x, row = 20.0, row + 1
        y = TITLE + HEIGHT + LEGEND_ROW * row + 12
        line = f"M{x:.0f} {y - 4}h16"
        marks.append(f"<path d='{line}' stroke='{_colour(colour)}' stroke-width='3'/>")
        marks.append(_label(x + 21, y, name, "start"))
        x += needed
    return (row + 1 if names else 0), marks


def _label(x: float, y: float, text: str, anchor: str, more: str = "") -> str:
    return (
        f"<text x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}' {more}>"
        f"{_text(text)}</text>"
    )


def _text(text: str) -> str:
    return escape(text, quote=True)
