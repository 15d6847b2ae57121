"""The notebooks of examples/ run as they are shown, and are tidy."""

import base64
import importlib.util
import json
import re
import resource
import struct
from pathlib import Path

import pytest

pytest.importorskip("nbclient", reason="needs nbclient and ipykernel")
pytest.importorskip("ipykernel", reason="needs nbclient and ipykernel")

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))
NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e[-+]?\d+)?(?![\w.])")
CPU_SECONDS = 20.0  # of a notebook; a reader waits that long for each
LARGEST = 200_000  # bytes of a notebook
WIDEST = 1400  # pixels of a picture, two for each that is shown
each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def outputs(notebook):
    for cell in notebook["cells"]:
        yield from cell.get("outputs", ())


def text_of(output):
    """Return what an output says; the time that a line of progress tells is none."""
    found = output.get("text") or output.get("data", {}).get("text/plain", "")
    said = "".join(found)
    return "" if re.search(r"\d+ of \d+ units, \d", said) else said


def numbers(notebook):
    """Return all numbers that a notebook shows, output by output."""
    texts = [text_of(output) for output in outputs(notebook)]
    return [[float(word) for word in NUMBER.findall(text)] for text in texts]


@pytest.fixture(scope="module")
def making():
    path = ROOT / "docs" / "make_notebooks.py"
    spec = importlib.util.spec_from_file_location("make_notebooks", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_there_are_five_notebooks():
    assert len(NOTEBOOKS) >= 5


@each
def test_a_notebook_begins_with_the_question_of_a_reader(path):
    first = read(path)["cells"][0]
    title = "".join(first["source"]).splitlines()[0]
    assert first["cell_type"] == "markdown"
    assert re.fullmatch(r"# [A-Z].*", title)


@each
def test_a_notebook_shows_pictures_tables_and_no_red_output(path):
    shown = list(outputs(read(path)))
    kinds = {kind for output in shown for kind in output.get("data", {})}
    assert {"image/png", "text/html", "text/plain"} <= kinds
    assert not [output for output in shown if output.get("name") == "stderr"]


@each
def test_only_a_cell_that_is_meant_to_stop_stops(path):
    for cell in read(path)["cells"]:
        errors = [o for o in cell.get("outputs", ()) if o["output_type"] == "error"]
        tags = cell["metadata"].get("tags", [])
        assert bool(errors) == ("raises-exception" in tags)
        assert all(len(error["traceback"]) == 1 for error in errors)


@each
def test_a_notebook_is_small_and_tells_no_place_of_this_machine(path):
    text = path.read_text(encoding="utf-8")
    assert len(text) < LARGEST
    for output in outputs(read(path)):
        assert not re.search(r"/tmp|/home|/root|/work", json.dumps(output))
        if "image/png" in output.get("data", {}):
            header = base64.b64decode(output["data"]["image/png"])[16:20]
            assert struct.unpack(">I", header)[0] <= WIDEST


@each
def test_a_notebook_is_written_as_the_script_writes_it(path, making):
    notebook = read(path)
    ids = [cell["id"] for cell in notebook["cells"]]
    assert ids == [f"cell-{number}" for number in range(1, len(ids) + 1)]
    assert notebook["metadata"] == making.METADATA


@pytest.mark.slow
@each
def test_a_notebook_runs_in_a_fresh_kernel_and_shows_the_same_numbers(path, making):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    again = making.executed(path)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    shown, now = numbers(read(path)), numbers(again)
    assert len(now) == len(shown)
    for kept, seen in zip(shown, now, strict=True):
        assert seen == pytest.approx(kept, rel=0.02, abs=0.011)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert spent < CPU_SECONDS
