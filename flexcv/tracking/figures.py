"""The figure of a post-processor's finding; all other pictures need no plotting."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

PANEL = (4.4, 3.3)  # inches
DPI = 90


class Picture(Figure):
    """A figure that renders once, however many trackers ask for it."""

    @functools.cached_property
    def png(self) -> bytes:
        """The bytes of a PNG."""
        buffer = io.BytesIO()
        self.savefig(buffer, format="png")
        return buffer.getvalue()


def finding_figure(
    frame: pd.DataFrame, draw: Callable[..., Any], title: str
) -> Picture:
    """Draw what a post-processor saw, its own way."""
    figure = Picture(figsize=PANEL, dpi=DPI, layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    draw(frame, axes)
    figure.suptitle(title, fontsize=11)
    return figure
