"""The picture of the tutorial, drawn by the tutorial's own code."""

import contextlib
import doctest
import io
import tempfile
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

TUTORIAL = Path(__file__).resolve().parents[1] / "tutorial.md"


def radon() -> Figure:
    """Run the tutorial as it is written, up to its picture."""
    names: dict[str, Any] = {}
    text = TUTORIAL.read_text(encoding="utf-8")
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.chdir(folder),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        for example in doctest.DocTestParser().get_examples(text):
            if "ax" not in names:
                exec(compile(example.source, TUTORIAL, "single"), names)
    figure: Figure = names["ax"].figure
    return figure


PICTURES = {"tutorial/radon": radon}
