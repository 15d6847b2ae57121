"""Axes, figures and rows of axes that a notebook shows as the last line of a cell."""

from __future__ import annotations

import io
from collections.abc import Container
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

SHARP = 2.0  # pixels of the picture for each one that is shown
DOTS = 100.0  # per inch, as shown


def image_of(
    figure: Figure,
    include: Container[str] | None = None,
    exclude: Container[str] | None = None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Draw a figure for a front end: PNG, or SVG where that is asked for.

    Parameters
    ----------
    figure
        What to draw.
    include, exclude
        Kinds of content that the front end wants, or does not want.

    Returns
    -------
    Data and metadata by kind, as Jupyter's display protocol has them.
    """
    data: dict[str, Any] = {}
    metadata: dict[str, Any] = {}
    if include is not None and "image/svg+xml" in include:
        stream = io.StringIO()
        figure.savefig(stream, format="svg")
        data["image/svg+xml"] = stream.getvalue()
    if exclude is None or "image/png" not in exclude:
        binary = io.BytesIO()
        figure.savefig(binary, format="png", dpi=SHARP * DOTS)
        data["image/png"] = binary.getvalue()
        width, height = figure.get_size_inches()
        size = {"width": round(DOTS * width), "height": round(DOTS * height)}
        metadata["image/png"] = size
    return data, metadata


class ShownFigure(Figure):
    """A figure that any front end draws; no backend and no `pyplot` is needed."""

    def _repr_mimebundle_(
        self,
        include: Container[str] | None = None,
        exclude: Container[str] | None = None,
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        return image_of(self, include, exclude)


class ShownAxes(Axes):
    """Axes that show the figure which they are part of."""

    def _repr_mimebundle_(
        self,
        include: Container[str] | None = None,
        exclude: Container[str] | None = None,
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        return image_of(_whole(self), include, exclude)


class AxesRow(list[Axes]):
    """Axes of one figure, in a list that shows it.

    Examples
    --------
    >>> row = new_row(2, 4.0, 3.0)
    >>> len(row), row.figure.get_size_inches().tolist()
    (2, [8.0, 3.0])
    """

    @property
    def figure(self) -> Figure:
        """The figure that the axes are part of."""
        return _whole(self[0])

    def _repr_mimebundle_(
        self,
        include: Container[str] | None = None,
        exclude: Container[str] | None = None,
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        return image_of(self.figure, include, exclude)


def new_axes(width: float, height: float) -> ShownAxes:
    """Return axes on a figure of their own.

    Parameters
    ----------
    width, height
        Of the figure, in inches.
    """
    return new_row(1, width, height)[0]  # type: ignore[return-value]


def new_row(number: int, width: float, height: float) -> AxesRow:
    """Return axes side by side on a figure of their own.

    Parameters
    ----------
    number
        How many.
    width, height
        Of each, in inches.
    """
    size = (width * number, height)
    figure = ShownFigure(figsize=size, layout="constrained", facecolor="none")
    return AxesRow(
        figure.add_subplot(1, number, place + 1, axes_class=ShownAxes)
        for place in range(number)
    )


def _whole(ax: Axes) -> Figure:
    figure = ax.get_figure(root=True)
    if figure is None:
        raise ValueError(
            "the axes were removed from their figure, got nothing to show; draw anew."
        )
    return figure
