"""How pictures of the site are drawn: one style, light and dark, legible letters."""

from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import numpy as np
from cycler import cycler
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import Collection
from matplotlib.colors import to_rgba, to_rgba_array
from matplotlib.figure import Figure
from matplotlib.text import Text

from flexcv.plots._axes import COLOURS, INK

IMAGES = Path(__file__).resolve().parents[1] / "images"
SHOWN = 100  # pixels of the page for an inch
SHARP = 2  # pixels of the file for each of them
WIDEST = 6.8  # inches; the text beside it is no wider
PHONE = 358  # pixels of a column on a screen of 390
SMALLEST = 9.0  # pixels of a letter on it
LETTERS = "Smallest letters"  # what a file says of itself, in pixels on a phone
PAPER = {"light": "white", "dark": "none"}
BLUE, ORANGE, GREEN, PINK = COLOURS[:4]
GREY = INK
STYLE = {
    "font.size": 12,
    "axes.labelsize": 12,
    "axes.titlesize": 12,
    "xtick.labelsize": 12,
    "ytick.labelsize": 12,
    "legend.fontsize": 12,
    "legend.frameon": False,
    "figure.titlesize": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.facecolor": "none",
    "axes.prop_cycle": cycler(color=COLOURS),
    "figure.facecolor": "none",
    "xtick.color": GREY,
    "ytick.color": GREY,
    "text.color": GREY,
    "axes.labelcolor": GREY,
    "figure.constrained_layout.use": True,
}


def keep(name: str, draw: Callable[[], Figure]) -> None:
    """Draw a picture and write its light and its dark version.

    Parameters
    ----------
    name
        Its place below docs/images, without an ending.
    draw
        What makes the figure.
    """
    with mpl.rc_context(STYLE):
        figure = draw()
        file = IMAGES / f"{name}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        _write(figure, file, "light")
        _write(figure, file.with_name(f"{file.stem}-dark.png"), "dark")


def legend_above(ax: Axes, ncols: int) -> None:
    """Put the legend of axes above them, where no line is."""
    ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=ncols, borderpad=0.0)


def _write(figure: Figure, file: Path, scheme: str) -> None:
    for text in figure.findobj(Text):
        text.set_fontsize(max(text.get_fontsize(), STYLE["font.size"]))
        if is_neutral(text.get_color()) and not _is_on_cells(text):
            text.set_color("0.15" if scheme == "light" else "0.85")
    if scheme == "dark":
        for artist in figure.findobj(lambda one: not isinstance(one, Text)):
            _invert(artist)
    figure.patch.set_facecolor(PAPER[scheme])
    figure.draw_without_rendering()
    require_legible(figure, file.stem)
    letters = {LETTERS: f"{smallest_letters(figure):.1f}", "Software": None}
    figure.savefig(file, dpi=SHOWN * SHARP, metadata=letters, facecolor=PAPER[scheme])


def _is_on_cells(text: Text) -> bool:
    ax = text.axes
    return ax is not None and text in ax.texts and bool(ax.images)


def is_neutral(colour: object) -> bool:
    """Whether a colour is black, white or between."""
    red, green, blue, _ = to_rgba(colour)
    return max(red, green, blue) - min(red, green, blue) < 0.02


def _invert(artist: Artist) -> None:
    """Give what is black, grey or white the shade that a dark page needs."""
    for part in (
        "color",
        "facecolor",
        "edgecolor",
        "markerfacecolor",
        "markeredgecolor",
    ):
        getter = getattr(artist, f"get_{part}", None)
        setter = getattr(artist, f"set_{part}", None)
        if getter is None or setter is None or isinstance(artist, Figure):
            continue
        shades = to_rgba_array(getter())
        if len(shades) and all(is_neutral(tuple(shade)) for shade in shades):
            shades[:, :3] = 1.0 - 0.85 * shades[:, :3]
            setter(shades if isinstance(artist, Collection) else tuple(shades[0]))


def smallest_letters(figure: Figure) -> float:
    """Return the height of the smallest letters on a phone, in pixels."""
    sizes = [text.get_fontsize() for text in figure.findobj(Text) if _is_seen(text)]
    width = figure.get_size_inches()[0] * SHOWN
    return float(min(sizes) * SHOWN / 72.0 * min(1.0, PHONE / width))


def _is_seen(text: Text) -> bool:
    return bool(text.get_visible() and text.get_text().strip())


def require_legible(figure: Figure, name: str) -> None:
    """Refuse small letters, wide figures and legends over lines."""
    width = figure.get_size_inches()[0]
    if width > WIDEST:
        raise ValueError(f"`{name}` must be at most {WIDEST} inches wide, got {width}.")
    if (letters := smallest_letters(figure)) < SMALLEST:
        raise ValueError(
            f"letters of `{name}` must be {SMALLEST} pixels on a phone, got "
            f"{letters:.1f}; take larger ones, or a narrower figure."
        )
    page = figure.bbox.padded(2.0)
    for text in filter(_is_seen, _placed(figure)):
        box = text.get_window_extent()
        if not (page.contains(box.x0, box.y0) and page.contains(box.x1, box.y1)):
            raise ValueError(
                f"{text.get_text()!r} of `{name}` must not be cut off; move it."
            )
    for ax in figure.axes:
        if ax.get_legend() is not None and _covered(ax):
            raise ValueError(
                f"the legend of `{name}` must not lie over a line; move it."
            )


def _placed(figure: Figure) -> list[Text]:
    """Return titles, labels and legends; labels of ticks have a place of their own."""
    legends = [*figure.legends, *(ax.get_legend() for ax in figure.axes)]
    texts = [text for legend in legends if legend for text in legend.get_texts()]
    return texts + [
        text
        for ax in figure.axes
        for text in (ax.title, ax.xaxis.label, ax.yaxis.label)
    ]


def _covered(ax: Axes) -> bool:
    box = ax.get_legend().get_window_extent().expanded(0.98, 0.9)
    for line in ax.lines:
        path = line.get_transform().transform_path(line.get_path()).interpolated(50)
        inside = box.count_contains(
            path.vertices[np.isfinite(path.vertices).all(axis=1)]
        )
        if (
            line.get_linestyle() not in ("None", "")
            and inside
            and len(path.vertices) > 1
        ):
            return True
    return False
