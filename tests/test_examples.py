import runpy
from pathlib import Path

import pytest

NEEDS_TORCH = ["longitudinal_models"]
EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_the_example_runs(example, tmp_path, monkeypatch, capsys):
    if example.stem in NEEDS_TORCH:
        pytest.importorskip("torch", reason="needs the extra `neural`")
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(example), run_name="__main__")
    assert capsys.readouterr().out
