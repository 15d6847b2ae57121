"""Numbers in a sentence for a paper are those of the outputs above it."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NUMBER = re.compile(r"(?<![\w.])-?\d+\.\d+")


def tutorial():
    return (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")


def clinical():
    path = ROOT / "examples" / "clinical.ipynb"
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    shown = [
        "".join(output.get("data", {}).get("text/plain", ""))
        for cell in cells
        for output in cell.get("outputs", ())
    ]
    return "\n".join([*shown, "".join(cells[-1]["source"])])


@pytest.mark.parametrize("text_of", [tutorial, clinical])
def test_every_number_of_the_sentence_is_shown_above(text_of):
    lines = text_of().splitlines()
    sentence = " ".join(line for line in lines if line.startswith("> "))
    above = "\n".join(line for line in lines if not line.startswith("> "))
    shown = [float(number) for number in NUMBER.findall(above)]
    told = NUMBER.findall(sentence)
    assert len(told) >= 3
    for number in told:
        digits = len(number.partition(".")[2])
        assert float(number) in {round(value, digits) for value in shown}, number
