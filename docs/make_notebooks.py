"""Run the notebooks of examples/ and keep their outputs: python docs/make_notebooks.py.

Cells are written in any editor, outputs by this script: each notebook runs in a fresh
kernel and in an empty folder. Names of notebooks may be given; all are run without.
"""

import base64
import io
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from PIL import Image

EXAMPLES = Path(__file__).parents[1] / "examples"
SECONDS = 120  # that a cell may take on a slow machine
COLOURS = 96  # of a picture; more are not seen
STOPS = "raises-exception"  # the tag of a cell that is meant to stop
METADATA = {
    "kernelspec": {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    },
    "language_info": {"name": "python"},
}


def executed(path: Path) -> NotebookNode:
    """Return a notebook as a fresh kernel runs it, in a folder of its own.

    Raises
    ------
    CellExecutionError
        When a cell fails that is not tagged to.
    """
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(
            notebook,
            timeout=SECONDS,
            kernel_name="python3",
            resources={"metadata": {"path": folder}},
        ).execute()
    return notebook


def tidied(notebook: NotebookNode) -> NotebookNode:
    """Return a notebook without times and chance names, with small pictures."""
    notebook.metadata = nbformat.from_dict(METADATA)
    for number, cell in enumerate(notebook.cells, 1):
        cell.id = f"cell-{number}"
        tags = cell.metadata.get("tags", [])
        cell.metadata = nbformat.from_dict({"tags": tags} if tags else {})
        for output in cell.get("outputs", ()):
            output.pop("transient", None)
            data = output.get("data", {})
            if "image/png" in data:
                data["image/png"] = small(data["image/png"])
    return notebook


def small(picture: str) -> str:
    """Return a PNG, in base 64, with fewer colours."""
    image = Image.open(io.BytesIO(base64.b64decode(picture)))
    few = image.convert("RGBA").quantize(COLOURS, method=Image.Quantize.FASTOCTREE)
    stream = io.BytesIO()
    few.save(stream, format="png", optimize=True)
    return base64.b64encode(stream.getvalue()).decode("ascii")


def main(names: list[str]) -> None:
    """Run the notebooks of these names, or all, and write them."""
    for path in sorted(EXAMPLES.glob("*.ipynb")):
        if not names or path.stem in names:
            nbformat.write(tidied(executed(path)), path)


if __name__ == "__main__":
    main(sys.argv[1:])
