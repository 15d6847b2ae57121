"""Pictures of the site: drawn by scripts, in one style, with legible letters."""

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
SCREENSHOTS = {
    *("tracking/models", "tracking/convergence", "tracking/residuals"),
    *("results/report", "results/report-dark"),
}


def test_letters_of_pictures_can_be_read_on_a_phone():
    small = {}
    for name in kept_pictures() - SCREENSHOTS:
        with Image.open(IMAGES / f"{name}.png") as picture:
            letters = float(picture.info.get("Smallest letters", "0"))
        if letters < 9.0:
            small[name] = letters
    assert small == {}


def kept_pictures():
    return {
        path.relative_to(IMAGES).with_suffix("").as_posix()
        for path in IMAGES.rglob("*.png")
    }


def test_every_picture_is_drawn_by_a_script_in_light_and_dark():
    drawn = {
        key.value + scheme
        for file in (ROOT / "docs" / "pictures").glob("of_*.py")
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign) and node.targets[0].id == "PICTURES"
        for key in node.value.keys
        for scheme in ("", "-dark")
    }
    assert kept_pictures() - SCREENSHOTS == drawn


@pytest.mark.slow
def test_a_picture_is_drawn_again_as_it_lies_there(tmp_path):
    name = "mixed-models/shrinkage"
    code = (
        "import sys; sys.path[:0] = ['docs/pictures', '.']; import style, of_mixed_models;"
        f"from pathlib import Path; style.IMAGES = Path({str(tmp_path)!r});"
        f"style.keep({name!r}, of_mixed_models.PICTURES[{name!r}])"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    for scheme in ("", "-dark"):
        pair = []
        for folder in (IMAGES, tmp_path):
            with Image.open(folder / f"{name}{scheme}.png") as picture:
                pair.append(np.asarray(picture.convert("RGBA"), dtype=float))
        assert pair[0].shape == pair[1].shape
        assert np.abs(pair[0] - pair[1]).mean() < 2.0
