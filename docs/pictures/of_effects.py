"""The picture of guides/results.md that examples/effects_tutorial.py makes, too."""

import contextlib
import io
import os
import runpy
import tempfile
from pathlib import Path

from matplotlib.figure import Figure

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "effects_tutorial.py"


def effects() -> Figure:
    """Draw the effects without and with the subjects."""
    with _elsewhere(), contextlib.redirect_stdout(io.StringIO()):
        made = runpy.run_path(str(EXAMPLE))
    figure = Figure(figsize=(6.4, 2.4))
    axes = figure.subplots(1, 2, sharex=True, sharey=True)
    titles = ("without the subjects", "with the subjects")
    for ax, title, model in zip(
        axes, titles, (made["plain"], made["mixed"]), strict=True
    ):
        model.plot_fixed_effects(ax=ax).set_title(title)
    return figure


@contextlib.contextmanager
def _elsewhere():
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(before)


PICTURES = {"results/effects": effects}
