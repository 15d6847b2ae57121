"""The parts of an HTML page: sections, tables and pictures, all inside one file."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

import pandas as pd

from flexcv._secrets import redact, redact_frame

from .page_style import STYLE

INK = "#757575"  # of the pictures; on the page it follows the colour scheme
WIDTH = 4.6  # inches of a picture: its letters stay readable on a phone
LARGEST_DRAWING = 200_000  # characters; a larger drawing becomes an image of pixels
DPI = 150


def page(title: str, subtitle: str, sections: Iterable[tuple[str, str]]) -> str:
    """Put a page together.

    Parameters
    ----------
    title, subtitle
        What stands on top, as text.
    sections
        Headline, as text, and content, as HTML; one without content is left out.
    """
    shown = [(name, content) for name, content in sections if content]
    links = "".join(
        f'<a href="#{_anchor(name)}">{escaped(name)}</a>' for name, _ in shown
    )
    body = "".join(
        f'<section id="{_anchor(name)}"><h2>{escaped(name)}</h2>{content}</section>'
        for name, content in shown
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escaped(title)}</title><style>{STYLE}</style></head><body>"
        f"<header><h1>{escaped(title)}</h1><p>{escaped(subtitle)}</p>"
        f"<nav>{links}</nav></header><main>{body}</main></body></html>\n"
    )


def table(frame: pd.DataFrame, *, index: bool = False, digits: int = 3) -> str:
    """Return a table that scrolls by itself where it is too wide.

    Parameters
    ----------
    frame
        Its cells; texts are escaped.
    index
        Whether to show the index.
    digits
        Significant digits of numbers.
    """
    shown = redact_frame(frame).map(lambda value: number(value, digits))
    content = shown.to_html(index=index, border=0, justify="left", na_rep="")
    return f'<div class="scroll">{content}</div>'


def number(value: Any, digits: int = 3) -> Any:
    """Show a number with a few significant digits; anything else as it is.

    Examples
    --------
    >>> number(0.123456), number(2294.37), number(12), number("a")
    ('0.123', '2294', '12', 'a')
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "" if value is None or value is pd.NA else value
    if value != value:
        return "-"
    if isinstance(value, int) or abs(value) >= 10**digits:
        return f"{value:.0f}"
    return f"{value:.{digits}g}"


def chance(value: float) -> str:
    """Show a probability.

    Examples
    --------
    >>> chance(0.00001), chance(0.1234), chance(0.9999)
    ('< 0.001', '0.123', '> 0.999')
    """
    if value != value:
        return "-"
    if value < 0.001:
        return "< 0.001"
    return "> 0.999" if value > 0.999 else f"{value:.3f}"


def facts(pairs: Mapping[str, Any]) -> str:
    """Return names and values as a grid of cards; empty values are left out."""
    cards = "".join(
        f"<div><dt>{escaped(name)}</dt><dd>{escaped(str(number(value)))}</dd></div>"
        for name, value in pairs.items()
        if value not in (None, "", [])
    )
    return f'<dl class="facts">{cards}</dl>'


def note(text: str, kind: str = "note") -> str:
    """Return a paragraph that stands out."""
    return f'<p class="{kind}">{escaped(text)}</p>'


def folded(title: str, content: str, *, is_open: bool = False) -> str:
    """Return content behind a headline that opens."""
    state = " open" if is_open else ""
    return (
        f"<details{state}><summary>{escaped(title)}</summary>{content}</details>"
        if content
        else ""
    )


def pictures(figures: Iterable[tuple[str, Any]]) -> str:
    """Return pictures side by side where there is room.

    Parameters
    ----------
    figures
        Caption and axes of each.
    """
    shown = "".join(
        f"<figure><figcaption>{escaped(caption)}</figcaption>{_drawn(ax, caption)}"
        "</figure>"
        for caption, ax in figures
    )
    return f'<div class="pictures">{shown}</div>' if shown else ""


def _drawn(ax: Any, caption: str) -> str:
    """Draw into the page: as a drawing whose lines follow its colours, if small."""
    figure = ax.figure
    _, height = figure.get_size_inches()
    figure.set_size_inches(WIDTH, height)
    stream = io.StringIO()
    figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
    drawing = stream.getvalue()
    if len(drawing) <= LARGEST_DRAWING:
        return _inline(drawing, caption)
    pixels = io.BytesIO()
    figure.savefig(pixels, format="png", transparent=True, dpi=DPI)
    data = base64.b64encode(pixels.getvalue()).decode()
    return f'<img alt="{escaped(caption)}" src="data:image/png;base64,{data}">'


def _inline(drawing: str, caption: str) -> str:
    content = drawing[drawing.index("<svg") :]
    content = re.sub(r"<metadata>.*?</metadata>", "", content, flags=re.DOTALL)
    head, _, rest = content.partition(">")
    box = re.search(r'viewBox="[^"]*"', head)
    kept = box.group(0) if box else ""
    label = escaped(caption)
    return (
        f'<svg {kept} role="img" aria-label="{label}" '
        'xmlns="http://www.w3.org/2000/svg" '
        'xmlns:xlink="http://www.w3.org/1999/xlink">'
        f"{rest.replace(INK, 'var(--ink)')}"
    )


def escaped(text: str) -> str:
    """Return a text as a page may show it: escaped, and without secrets."""
    return escape(redact(text))


def _anchor(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
